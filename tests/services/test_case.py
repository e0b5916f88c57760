"""What is derived from a history, where no verdict shows it alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.history import Call, Word
from tests.services.histories import LEASE, POLICY, START, Row


def case_of(*said, **row):
    history, now = Row("", said, (), **row).history()
    return Case(history, now, POLICY)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        (("NO_WORD",), START + timedelta(seconds=60)),
        (("NO_WORD", 59), START + timedelta(seconds=60)),
        (("NO_WORD", 60), None),
        (("F PROCESS_FAIL",), None),
        ((), None),
    ],
)
def test_it_is_quiet_a_quiet_period_after_a_cancel_that_may_take_effect(said, until):
    assert case_of(*said).quiet_until == until


@pytest.mark.parametrize(("seconds", "too_soon"), [(59, True), (60, False)])
def test_an_inquiry_is_too_soon_until_it_is_quiet(seconds, too_soon):
    assert case_of("NO_WORD", seconds, "ask: NO_WORD").inquired_too_soon is too_soon


def test_an_abandoned_call_lasts_as_long_as_its_claim_whenever_that_was_written_down():
    call = Call(cancels=True, opened_at=START, claim_until=START + LEASE)
    assert call.ended_at == START + LEASE
    assert replace(call, answered_at=START + timedelta(hours=1)).ended_at == START + LEASE
    assert replace(call, said=Word.NO_WORD).ended_at == START + LEASE


def test_an_inquiry_dated_before_the_cancel_by_a_wrong_clock_says_nothing_after_it():
    case = case_of(5, "F PROCESS_FAIL", -3, "ask: SHOWS_TAKEN", 10)
    assert case.last is not None and case.last_inquiry is None


def test_what_was_called_before_it_was_asked_for_again_counts_no_more():
    case = case_of("NO_WORD", 2, "NO_WORD")
    wish = replace(case.wish, asked_at=START + timedelta(seconds=1))
    again = replace(case, history=replace(case.history, wish=wish))
    assert (len(case.uses), len(again.uses)) == (2, 1)


def test_that_the_shop_was_paid_makes_nothing_unknown_before_any_cancel():
    assert not case_of(facts=("shop says paid",)).unknown_is_believed


def test_what_cannot_be_sent_is_tried_again_every_ten_minutes_however_long_the_delays():
    case = case_of(*("NOTHING_SENT",) * 3)
    slow = replace(POLICY, delays=[timedelta(hours=1)])
    assert replace(case, policy=slow).due == START + timedelta(minutes=10)
