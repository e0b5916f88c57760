"""The open points of docs/explanation/not-confirmed.md that calls can settle."""

from __future__ import annotations

from django_alipay_cancel.alipay.translating import gettext_noop
from django_alipay_cancel.confirming.asking import Said
from django_alipay_cancel.confirming.point import Point, Steps
from django_alipay_cancel.confirming.refund_points import REFUND_POINTS
from django_alipay_cancel.confirming.run import Run

_HOUR, _DAY = 3600, 86400
# How an inquiry may show a payment that was cancelled before anybody paid.
_OVER = ("CANCELLED", "FAIL")
_NOBODY = "SANDBOX_5Y00000000000000"


def _failed(run: Run) -> Steps:
    return {"pay": run.fail("failed"), **_ended(run, "failed")}


def _expired(run: Run) -> Steps:
    return {"pay": run.expire("expired"), **_ended(run, "expired")}


def _ended(run: Run, which: str) -> Steps:
    body = run.named(which)
    return {"inquiry": run.inquire(body), "cancel": run.cancel(body)}


def _second_cancel(run: Run) -> Steps:
    body = run.named("unpaid")
    return {
        "pay": run.pay("unpaid"),
        "first": run.cancel(body),
        "second": run.cancel(body),
    }


def _inquiry_after(run: Run) -> Steps:
    return {"unpaid": run.inquire(run.named("unpaid"))}  # cancelled by `_second_cancel`


def _pay_after(run: Run) -> Steps:
    return {"pay": run.pay("unpaid")}


def _before_pay(run: Run) -> Steps:
    body = run.named("early")
    steps = {"cancel": run.cancel(body), "pay": run.pay("early"), "inquiry": run.inquire(body)}
    run.cancel(body)  # nobody is going to pay it
    return steps


def _given(id: str, run: Run) -> Steps:
    if not id:
        return {}
    body, before = run.find(id)
    if before.payment_status != "SUCCESS":  # what an authorization reads, too
        return {"before": before}
    return {
        "before": before,
        "first": run.cancel(body),
        "second": run.cancel(body),
        "after": run.inquire(body),
    }


def _lost_cancel(run: Run) -> Steps:
    body = run.named("lost")
    pay = run.pay("lost")
    if pay.status not in ("S", "U"):
        return {"pay": pay}
    steps = {"pay": pay, "unread": run.cancel_unread(body)}
    looks = run.watch(lambda: run.inquire(body), lambda said: said.payment_status in _OVER)
    run.cancel(body)  # nobody is going to pay it
    return {**steps, **looks}


def _effect(said: Said) -> str:
    return "took effect" if said.payment_status in _OVER else str(said)


def _refusals(run: Run) -> Steps:
    return {
        "wrong signature": run.inquire_signed_by_a_stranger(),
        "unknown keyVersion": run.inquire_unknown(key_version="99"),
        "unknown client": run.inquire_unknown(client_id=_NOBODY),
        "no id": run.inquire({}),
        "unknown payment": run.inquire_unknown(),
    }


def _key_version(run: Run) -> Steps:
    return {f"asked with {run.client.credentials.key_version}": run.inquire_unknown()}


def _paths(run: Run) -> Steps:
    return {
        "sandbox path": run.inquire_unknown(sandbox_path=True),
        "production path": run.inquire_unknown(sandbox_path=False),
    }


def _ages(run: Run) -> Steps:
    ages = {"5 minutes old": 300, "an hour old": _HOUR, "a day old": _DAY, "an hour ahead": -_HOUR}
    return {label: run.inquire_unknown(age=age) for label, age in ages.items()}


def _query(run: Run) -> Steps:
    return {"with a query": run.inquire_unknown(query="?nonce=1")}


# The failed payment comes first: its pay is the first one of a run, by which FakeAlipay refuses it.
POINTS = (
    Point(
        "cancel_of_failed",
        gettext_noop("A failed payment cannot be cancelled: F ORDER_STATUS_INVALID."),
        _failed,
    ),
    Point(
        "second_cancel",
        gettext_noop("A repeat of a completed cancel is answered with S again."),
        _second_cancel,
    ),
    Point(
        "inquiry_after_cancel",
        gettext_noop(
            "After a cancel the inquiry says CANCELLED, with both ids and without transactions."
        ),
        _inquiry_after,
        Said.inquiry,
    ),
    Point(
        "pay_after_cancel",
        gettext_noop("A repeat of a pay after its cancel is refused: F ORDER_IS_CLOSED."),
        _pay_after,
    ),
    Point(
        "cancel_before_pay",
        gettext_noop(
            "A cancel that arrives before the pay is refused with F ORDER_NOT_EXIST and does not "
            "stop the pay."
        ),
        _before_pay,
    ),
    Point(
        "cancel_of_paid",
        gettext_noop("A paid payment that was cancelled is shown as CANCELLED."),
        lambda run: _given(run.paid, run),
        Said.inquiry,
    ),
    Point(
        "cancel_of_authorized",
        gettext_noop("An authorization that was cancelled is shown as CANCELLED."),
        lambda run: _given(run.authorized, run),
        Said.inquiry,
    ),
    *REFUND_POINTS,
    Point(
        "unsigned_errors",
        gettext_noop(
            "Errors that blame the signature, the key or the client are unsigned, all others are "
            "signed; the HTTP status is 200."
        ),
        _refusals,
    ),
    Point(
        "key_version",
        gettext_noop("The keyVersion of an answer may be any: the keys are tried in turn."),
        _key_version,
        lambda said: f"keyVersion {said.key_version}" if said.key_version else str(said),
    ),
    Point(
        "paths",
        gettext_noop("Client ids with SANDBOX_ use the sandbox's path, as in Alipay's SDKs."),
        _paths,
    ),
    Point(
        "request_time",
        gettext_noop("No age of Request-Time is known to be refused."),
        _ages,
    ),
    Point(
        "query",
        gettext_noop("Nothing is sent that relies on a query in the signed address."),
        _query,
    ),
    Point(
        "lost_cancel",
        gettext_noop(
            "A cancel whose answer was lost takes effect within 60 seconds (QUIET_PERIOD), or "
            "never."
        ),
        _lost_cancel,
        _effect,
    ),
    Point(
        "cancel_of_expired",
        gettext_noop("An expired payment cannot be cancelled: F ORDER_STATUS_INVALID."),
        _expired,
    ),
)
