"""What an answer says, in the words of the verdict: pure values, without a database."""

from __future__ import annotations

import pytest

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.services import words
from django_alipay_cancel.services.history import Word

S = {"result_status": "S", "result_code": "SUCCESS", "ids_match": True}
UNSIGNED = {"error": "unsigned"}


def answer(facts):
    return Answer(**{"sent": True, "http_status": 200, **facts})


def refused(code, **facts):
    return {"result_status": "F", "result_code": code, **facts}


CANCELS = {
    "S for our ids": (S, Word.YES),
    "S without ids": ({**S, "ids_match": None}, Word.S_UNBOUND),
    "S that is not signed": ({**S, **UNSIGNED}, Word.NO_WORD),
    "S, wrongly signed": ({**S, "error": "bad_signature"}, Word.NO_WORD),
    "another payment's ids": ({"error": "id_mismatch"}, Word.MIXED),
    "a final F": (refused("CANCEL_WINDOW_EXCEED"), Word.REFUSED),
    "an F with a code that no page lists": (refused("NEWER_THAN_US"), Word.REFUSED),
    "a code that means unknown, beside F": (refused("UNKNOWN_EXCEPTION"), Word.NO_WORD),
    "a code that means success, beside F": (refused("SUCCESS"), Word.NO_WORD),
    "an unsigned final F": (refused("CANCEL_WINDOW_EXCEED", **UNSIGNED), Word.NO_WORD),
    "an unknown payment": (refused("ORDER_NOT_EXIST"), Word.UNKNOWN_PAYMENT),
    "an unsigned refusal of our signature": (
        refused("INVALID_SIGNATURE", **UNSIGNED),
        Word.MISCONFIGURED,
    ),
    "the same, signed: a refusal like any other": (refused("INVALID_SIGNATURE"), Word.REFUSED),
    "the same, wrongly signed": (
        refused("INVALID_SIGNATURE", error="bad_signature"),
        Word.NO_WORD,
    ),
    "U": ({"result_status": "U", "result_code": "UNKNOWN_EXCEPTION"}, Word.NO_WORD),
    "U with the code of a refusal": (
        {"result_status": "U", "result_code": "CANCEL_WINDOW_EXCEED"},
        Word.NO_WORD,
    ),
    "an unsigned U with a code of configuration": (
        {"result_status": "U", "result_code": "INVALID_SIGNATURE", **UNSIGNED},
        Word.NO_WORD,
    ),
    "no answer": ({"error": "timeout", "http_status": None}, Word.NO_WORD),
}


@pytest.mark.parametrize("case", CANCELS)
def test_an_answer_to_a_cancel_says_one_word(case):
    facts, word = CANCELS[case]
    assert words.of_cancel(answer(facts)) is word


INQUIRIES = {
    "cancelled": ({**S, "payment_status": "CANCELLED"}, Word.SHOWS_CANCELLED),
    "failed": ({**S, "payment_status": "FAIL"}, Word.SHOWS_FAILED),
    "paid": ({**S, "payment_status": "SUCCESS"}, Word.SHOWS_TAKEN),
    "processing": ({**S, "payment_status": "PROCESSING"}, Word.SHOWS_UNPAID),
    "pending": ({**S, "payment_status": "PENDING"}, Word.SHOWS_UNPAID),
    "a status that no page lists": ({**S, "payment_status": "MELTED"}, Word.NO_WORD),
    "paid, and a CANCEL that is done": (
        {**S, "payment_status": "SUCCESS", "cancelled_by_transaction": True},
        Word.SHOWS_CANCELLED,
    ),
    "unpaid, and a CANCEL that is done: the status goes first": (
        {**S, "payment_status": "PROCESSING", "cancelled_by_transaction": True},
        Word.SHOWS_UNPAID,
    ),
    "paid, and a CANCEL under way": (
        {**S, "payment_status": "SUCCESS", "cancelling_by_transaction": True},
        Word.SHOWS_CANCELLING,
    ),
    "unpaid, and a CANCEL under way": (
        {**S, "payment_status": "PROCESSING", "cancelling_by_transaction": True},
        Word.SHOWS_CANCELLING,
    ),
    "cancelled, and a second CANCEL under way": (
        {**S, "payment_status": "CANCELLED", "cancelling_by_transaction": True},
        Word.SHOWS_CANCELLED,
    ),
    "paid, without ids": ({**S, "payment_status": "SUCCESS", "ids_match": None}, Word.NO_WORD),
    "paid, another payment": (
        {**S, "payment_status": "SUCCESS", "ids_match": False, "error": "id_mismatch"},
        Word.NO_WORD,
    ),
    "paid, unsigned": ({**S, "payment_status": "SUCCESS", **UNSIGNED}, Word.NO_WORD),
    "a status beside U": (
        {"result_status": "U", "ids_match": True, "payment_status": "CANCELLED"},
        Word.NO_WORD,
    ),
    "a status beside F": (
        {**refused("PROCESS_FAIL"), "ids_match": True, "payment_status": "CANCELLED"},
        Word.NO_WORD,
    ),
    "an unknown payment": (refused("ORDER_NOT_EXIST"), Word.UNKNOWN_PAYMENT),
    "the same, unsigned": (refused("ORDER_NOT_EXIST", **UNSIGNED), Word.NO_WORD),
    "the same code beside U": (
        {"result_status": "U", "result_code": "ORDER_NOT_EXIST"},
        Word.NO_WORD,
    ),
    "a refusal of our key": (refused("KEY_NOT_FOUND"), Word.MISCONFIGURED),
    "the refusal of our key, unsigned": (refused("KEY_NOT_FOUND", **UNSIGNED), Word.MISCONFIGURED),
    "the refusal of our key, wrongly signed": (
        refused("KEY_NOT_FOUND", error="bad_signature"),
        Word.NO_WORD,
    ),
    "no answer": ({"error": "connection_lost", "http_status": None}, Word.NO_WORD),
}


@pytest.mark.parametrize("case", INQUIRIES)
def test_an_answer_to_an_inquiry_says_one_word(case):
    facts, word = INQUIRIES[case]
    assert words.of_inquiry(answer(facts)) is word


@pytest.mark.parametrize("says", [words.of_cancel, words.of_inquiry])
def test_what_was_not_sent_says_nothing_else(says):
    unsent = Answer(sent=False, error="connection_failed", result_status="S")
    assert says(unsent) is Word.NOTHING_SENT


TRAFFIC = {"result_status": "U", "result_code": "REQUEST_TRAFFIC_EXCEED_LIMIT"}


@pytest.mark.parametrize(
    ("facts", "throttled"),
    [
        ({"error": "http_status", "http_status": 429}, True),
        ({"error": "http_status", "http_status": 503, "retry_after": 0.0}, True),
        ({"error": "http_status", "http_status": 503}, False),
        ({"error": "http_status", "http_status": 500, "retry_after": 5.0}, False),
        ({"error": "http_status", "http_status": 500, **TRAFFIC}, False),
        (TRAFFIC, True),
        ({**TRAFFIC, **UNSIGNED}, False),
        ({"http_status": 429, **S}, False),
    ],
)
def test_throttling_is_told_by_a_signed_code_or_by_the_status_of_what_stands_before(
    facts, throttled
):
    assert words.is_throttled(answer(facts)) is throttled
    assert (words.of_cancel(answer(facts)) is Word.THROTTLED) is throttled
