"""The table of refunds against the verdict: pure values, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.refund_case import RefundCase
from django_alipay_cancel.services.verdict import verdict
from tests.services.histories import POLICY, START
from tests.services.refund_histories import AFTER
from tests.services.refund_rows import NOTHING, REFUND_POLICY, TURN, WINDOW, RefundRow
from tests.services.turn_histories import BEFORE, before


@pytest.mark.parametrize("row", [*BEFORE, *AFTER], ids=lambda row: f"{row.turned}: {row.story}")
def test_a_history_of_a_refund_has_one_verdict(row):
    found, now = row.verdict()
    at = None if found.at is None else round((found.at - now).total_seconds())
    assert (found.act, found.because, found.next_step, at) == (*row.then, row.at)


def test_switched_off_no_wish_turns():
    found, _ = before("", TURN, ()).verdict(POLICY)
    assert (found.act, found.next_step) == ("reject", "REFUND")


@pytest.mark.parametrize(
    ("said", "about"),
    [
        (("older refund: F PROCESS_FAIL", "older about: UNKNOWN_REFUND"), 0),
        (("older refund: NO_WORD",), -1),
    ],
)
def test_the_refund_of_the_wish_in_doubt_is_asked_about_and_no_other(said, about):
    found, _ = before("", (*said, "earlier refund: open", 109), ()).verdict()
    assert (found.act, found.about) == ("ask_refund", about)


def test_without_an_earlier_one_in_doubt_its_own_refund_is_asked_about():
    assert RefundRow("", (*TURN, "refund: ACCEPTED"), ()).verdict()[0].about is None


F = "refund: F PROCESS_FAIL"
UNKNOWN = "about: UNKNOWN_REFUND"
TOLD = {
    "the last inquiry that shows it as done": (
        RefundRow("", (*TURN, F, "about: REFUND_DONE", "about: REFUND_DONE", NOTHING), ()),
        4,
    ),
    "the inquiry that lists all of it": (before("", (WINDOW, "ask: SHOWS_TAKEN lists ALL"), ()), 1),
    "the cancel that was refused, not the part that is listed": (
        before("", (WINDOW, "ask: SHOWS_TAKEN lists PART"), ()),
        0,
    ),
    "the same of one under way": (
        before("", (WINDOW, *("ask: SHOWS_TAKEN lists UNDER_WAY",) * 5), ()),
        0,
    ),
    "the same of another amount": (
        before("", (WINDOW, "ask: SHOWS_TAKEN lists CONTRADICTED"), ()),
        0,
    ),
    "the last inquiry of an earlier refund": (
        before("", ("earlier refund: F PROCESS_FAIL", *("earlier about: NO_WORD",) * 5), ()),
        5,
    ),
    "the refund that had other ids": (RefundRow("", (*TURN, "refund: MIXED", NOTHING), ()), 2),
    "the inquiry that our settings spoil": (
        RefundRow("", (*TURN, "refund: ACCEPTED", "about: MISCONFIGURED"), ()),
        3,
    ),
    "the inquiry that shows a failure": (
        RefundRow("", (*TURN, "refund: ACCEPTED", "about: REFUND_FAILED"), ()),
        3,
    ),
    "the refusal, not the inquiry that agrees": (
        RefundRow("", (*TURN, F, UNKNOWN, NOTHING), ()),
        2,
    ),
    "the refusal, not the failure that is shown later": (
        RefundRow("", (*TURN, F, "about: REFUND_FAILED"), ()),
        2,
    ),
    "the refusal, not the part that is listed": (
        RefundRow("", (*TURN, F, UNKNOWN, "ask: SHOWS_TAKEN lists PART"), ()),
        2,
    ),
    "the refusal, not the amount that contradicts": (
        RefundRow("", (*TURN, F, UNKNOWN, "ask: SHOWS_TAKEN lists CONTRADICTED"), ()),
        2,
    ),
    "the refusal, not what answers nothing": (
        RefundRow("", (*TURN, F, UNKNOWN, *("ask: NO_WORD",) * 4), ()),
        2,
    ),
    "the refusal about which nothing is answered": (
        RefundRow("", (*TURN, F, *("about: NO_WORD",) * 5), ()),
        2,
    ),
    "the refund about which nothing is answered": (
        RefundRow("", (*TURN, "refund: NO_WORD", *("about: NO_WORD",) * 5), ()),
        2,
    ),
    "the failure that is shown too early": (
        RefundRow("", (*TURN, "refund: NO_WORD", *("about: REFUND_FAILED",) * 5), ()),
        7,
    ),
    "the inquiry that shows it under way": (
        RefundRow("", (*TURN, "refund: ACCEPTED", 14 * 86_400, "about: REFUND_OPEN"), ()),
        3,
    ),
    "the last refund that could not be sent": (
        RefundRow("", (*TURN, *("refund: NOTHING_SENT",) * 2, 86_400, "refund: NOTHING_SENT"), ()),
        4,
    ),
}


@pytest.mark.parametrize("call", TOLD)
def test_what_is_decided_of_a_refund_is_told_by_one_call(call):
    row, index = TOLD[call]
    history, now = row.history()
    assert verdict(history, now, REFUND_POLICY).told is history.calls[index]


@pytest.mark.parametrize(
    ("said", "until"),
    [
        (("refund: NO_WORD",), 60),
        (("refund: NO_WORD", 59), 60),
        (("refund: NO_WORD", 60), None),
        (("refund: open",), 109),
        (("refund: NO_WORD", 5, "earlier refund: MIXED"), 65),
        (("refund: ACCEPTED", "refund: NOTHING_SENT", "refund: F PROCESS_FAIL"), None),
        ((), None),
    ],
)
def test_it_is_quiet_a_quiet_period_after_a_refund_that_may_take_effect(said, until):
    history, now = RefundRow("", (*TURN, *said), ()).history()
    found = RefundCase(Case(history, now, REFUND_POLICY)).quiet_until
    assert found == (None if until is None else START + timedelta(seconds=until))


def test_a_wishs_own_refund_is_no_earlier_one():
    history, now = RefundRow("", (*TURN, "refund: NO_WORD"), ()).history()
    assert RefundCase(Case(history, now, REFUND_POLICY)).earlier_in_doubt is None
