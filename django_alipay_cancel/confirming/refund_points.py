"""The open points of refunds; all but the first read what the one refund of the run showed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django_alipay_cancel.alipay.translating import gettext_noop
from django_alipay_cancel.confirming.asking import Said
from django_alipay_cancel.confirming.point import Point, Steps
from django_alipay_cancel.confirming.refunding import Refunding
from django_alipay_cancel.confirming.run import Run

_NOT_MADE = gettext_noop("the refund was not made")
_SYNCHRONOUS = gettext_noop("the refund was synchronous")
_ASYNCHRONOUS = gettext_noop("the refund was asynchronous")
_OTHERWISE = gettext_noop("the refund was answered otherwise")
_ENDED = gettext_noop("the refund had ended when it was asked about")
_WINDOW_OPEN = gettext_noop("the cancellation window may still have been open")
# Most windows end at 00:15 of the day after the payment.
_WINDOW_HOURS = 25


def _steps(**said: Said | None) -> Steps:
    return {name.replace("_", " "): each for name, each in said.items() if each is not None}


def _final(run: Run) -> Steps:
    seen = run.refunding
    if seen.is_in_process:
        return {}
    return _steps(before=seen.before, refund=seen.first, refund_inquiry=seen.inquiry)


def _in_process(run: Run) -> Steps:
    seen = run.refunding
    return _steps(refund=seen.first, refund_inquiry=seen.inquiry) if seen.is_in_process else {}


def _of_the_refund(why: Callable[[Refunding, Said], str], run: Run) -> str:
    """Return ``why``, which is given the refund's answer, or why there is none."""
    seen = run.refunding
    if seen.first is None:
        return ""
    return _NOT_MADE if not seen.listed else why(seen, seen.first)


def _final_unseen(seen: Refunding, first: Said) -> str:
    if seen.is_in_process:
        return _ASYNCHRONOUS
    return "" if first.status == "S" else _OTHERWISE


def _in_process_unseen(seen: Refunding, first: Said) -> str:
    if seen.is_in_process:
        return ""
    return _SYNCHRONOUS if first.status == "S" else _OTHERWISE


def _listed_unseen(seen: Refunding, first: Said) -> str:
    if seen.inquiry is not None and seen.inquiry.refund_status == "PROCESSING":
        return ""
    return _SYNCHRONOUS if first.status == "S" else _ENDED


def _cancel_unseen(seen: Refunding, first: Said) -> str:
    hours = seen.before.paid_hours_ago if seen.before is not None else None
    return _WINDOW_OPEN if hours is None or hours < _WINDOW_HOURS else ""


REFUND_POINTS = (
    Point(
        "unknown_refund",
        gettext_noop("An unknown refund is F, or S without a word of it."),
        lambda run: {"refund inquiry": run.inquire_refund("nothing")},
    ),
    Point(
        "refund_final",
        gettext_noop("The S of a refund is final: inquiryRefund says SUCCESS."),
        _final,
        unseen=partial(_of_the_refund, _final_unseen),
    ),
    Point(
        "refund_in_process",
        gettext_noop("A refund that is under way is answered with U REFUND_IN_PROCESS."),
        _in_process,
        unseen=partial(_of_the_refund, _in_process_unseen),
    ),
    Point(
        "refund_listed",
        gettext_noop("An inquiry lists a refund at once, also while it is under way."),
        lambda run: run.refunding.listed,
        Said.inquiry,
        partial(_of_the_refund, _listed_unseen),
    ),
    Point(
        "repeat_of_refund",
        gettext_noop("A repeat of a refund, under the same id, is answered like the first."),
        lambda run: _steps(again=run.refunding.again),
        unseen=partial(_of_the_refund, lambda seen, first: ""),
    ),
    Point(
        "cancel_of_refunded",
        gettext_noop(
            "A cancel of a refunded payment is refused for its refund, F PROCESS_FAIL, also when "
            "its window is over."
        ),
        lambda run: _steps(cancel=run.refunding.cancel),
        unseen=partial(_of_the_refund, _cancel_unseen),
    ),
)
