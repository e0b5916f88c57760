"""The table of histories against the verdict: pure values, without a database."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from django_alipay_cancel.services.decision import Act
from django_alipay_cancel.services.history import Call, Word
from django_alipay_cancel.services.verdict import verdict
from tests.services.histories import HISTORIES, LEASE, POLICY, REVIEW, START, Row

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("row", HISTORIES, ids=lambda row: row.story)
def test_a_history_has_one_verdict(row):
    found, now = row.verdict()
    at = None if found.at is None else round((found.at - now).total_seconds())
    assert (found.act, found.because, found.next_step, at) == (*row.then, row.at)


TOLD = {
    "the last S": (Row("", ("YES", "YES", "NO_WORD"), ()), 1),
    "the refusal, not the inquiry that agrees": (
        Row("", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"), ()),
        0,
    ),
    "the inquiry that shows a failure": (
        Row("", ("F ORDER_STATUS_INVALID", "ask: SHOWS_FAILED"), ()),
        1,
    ),
    "the failure itself when no call has shown it": (Row("", ("NO_WORD", "failed"), ()), None),
    "the inquiry that shows a failure after a success": (
        Row("", ("NO_WORD", "paid", 1, "ask: SHOWS_FAILED"), ()),
        1,
    ),
    "the last ORDER_NOT_EXIST": (
        Row("", (*("UNKNOWN_PAYMENT",) * 4, "ask: UNKNOWN_PAYMENT"), ()),
        3,
    ),
    "the cancel that had other ids": (Row("", ("MIXED",), ()), 0),
    "the refusal, not the inquiry that our settings spoil": (
        Row("", ("F CANCEL_WINDOW_EXCEED", "ask: MISCONFIGURED"), ()),
        0,
    ),
    "the cancel that could not be sent, not one before it": (
        Row("", ("NO_WORD", 2, "NOTHING_SENT", 86400, "NOTHING_SENT"), ()),
        2,
    ),
    "the last inquiry when there was no cancel": (
        Row("", ("ask: NO_WORD", "ask: NO_WORD", "ask: NO_WORD", "paid", 1, "failed"), ()),
        2,
    ),
    "nothing when nothing was ever called": (Row("", ("paid", 1, "failed"), ()), None),
    "nothing that a person checked": (
        Row("", ("MIXED", 61, "check: SHOWS_TAKEN"), (), state=REVIEW),
        None,
    ),
}


@pytest.mark.parametrize("call", TOLD)
def test_what_is_decided_is_told_by_one_call(call):
    row, index = TOLD[call]
    history, now = row.history()
    told = verdict(history, now, POLICY).told
    assert told is (None if index is None else history.calls[index])


def test_without_a_rule_that_matches_nothing_is_done():
    history, now = Row("", ("YES",), ()).history()
    found = verdict(history, now, POLICY, rules=())
    assert (found.act, found.because, found.at) == (Act.WAIT, "nothing_to_do", None)


@pytest.mark.parametrize(
    ("call", "seconds", "abandoned"),
    [
        ({}, 48, False),
        ({}, 49, True),
        ({"error": "abandoned"}, 49, False),
        ({"said": Word.NO_WORD}, 49, False),
    ],
)
def test_a_call_without_an_answer_is_abandoned_once_when_its_claim_ends(call, seconds, abandoned):
    opened = Call(cancels=True, opened_at=START, claim_until=START + LEASE, **call)
    assert opened.is_to_be_abandoned(START + timedelta(seconds=seconds)) is abandoned


def test_the_page_of_verdicts_is_made_from_this_table():
    script = ROOT / "docs" / "write_verdicts.py"
    done = subprocess.run([sys.executable, script, "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python docs/write_verdicts.py"
