"""What an answer says of a refund, in the words of the verdict: pure values, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_alipay_cancel.alipay.refunds import RefundTold
from django_alipay_cancel.services import refund_words as words
from django_alipay_cancel.services.history import Listed, Word
from django_alipay_cancel.services.refund_words import Amount
from tests.services.test_words import UNSIGNED, S, answer, refused

ASKED = Amount(1250, "USD")
TOLD = RefundTold(
    refund_request_id="r-1",
    refund_id="refund-1",
    status="",
    amount_value=1250,
    amount_currency="USD",
    refunded_at=None,
)
U = {"result_status": "U", "result_code": "REFUND_IN_PROCESS"}


def told(**changes):
    return {"refund": replace(TOLD, **changes)}


REFUNDS = {
    "S for our ids": ({**S, **told()}, Word.ACCEPTED),
    "S without ids": ({**S, **told(), "ids_match": None}, Word.S_UNBOUND),
    "S that says no amount": ({**S, **told(amount_value=None)}, Word.ACCEPTED),
    "S that says no currency": ({**S, **told(amount_currency="")}, Word.ACCEPTED),
    "S that says nothing of it": (S, Word.ACCEPTED),
    "S over another amount": ({**S, **told(amount_value=1249)}, Word.MIXED),
    "S over another currency": ({**S, **told(amount_currency="EUR")}, Word.MIXED),
    "S over another amount, without ids": (
        {**S, **told(amount_value=1), "ids_match": None},
        Word.MIXED,
    ),
    "S that is not signed": ({**S, **told(), **UNSIGNED}, Word.NO_WORD),
    "S beside a code that says it is under way": (
        {**S, **told(), "result_code": "REFUND_IN_PROCESS"},
        Word.NO_WORD,
    ),
    "another refund's ids": ({"error": "id_mismatch"}, Word.MIXED),
    "a final F": (refused("REFUND_AMOUNT_EXCEED"), Word.REFUSED),
    "an F over another amount": (
        refused("REFUND_AMOUNT_EXCEED", **told(amount_value=1)),
        Word.REFUSED,
    ),
    "an unknown payment": (refused("ORDER_NOT_EXIST"), Word.REFUSED),
    "a code that means unknown, beside F": (refused("UNKNOWN_EXCEPTION"), Word.NO_WORD),
    "one that says it is under way, beside F": (refused("REFUND_IN_PROCESS"), Word.NO_WORD),
    "an unsigned final F": (refused("REFUND_AMOUNT_EXCEED", **UNSIGNED), Word.NO_WORD),
    "an unsigned refusal of our key": (refused("KEY_NOT_FOUND", **UNSIGNED), Word.MISCONFIGURED),
    "the same, signed: a refusal like any other": (refused("KEY_NOT_FOUND"), Word.REFUSED),
    "throttled": (
        {"result_status": "U", "result_code": "REQUEST_TRAFFIC_EXCEED_LIMIT"},
        Word.THROTTLED,
    ),
    "U": (U, Word.NO_WORD),
    "U with the code of a refusal": (
        {"result_status": "U", "result_code": "REFUND_AMOUNT_EXCEED"},
        Word.NO_WORD,
    ),
    "no answer": ({"error": "timeout", "http_status": None}, Word.NO_WORD),
    "nothing sent": ({"sent": False, "error": "connection_failed"}, Word.NOTHING_SENT),
}


@pytest.mark.parametrize("case", REFUNDS)
def test_an_answer_to_a_refund_says_one_word(case):
    facts, word = REFUNDS[case]
    assert words.of_refund(answer(facts), ASKED) is word


NOWHERE = told(refund_id="", status="", amount_value=None, amount_currency="")
INQUIRIES = {
    "done": ({**S, **told(status="SUCCESS")}, Word.REFUND_DONE),
    "in small letters": ({**S, **told(status="success")}, Word.REFUND_DONE),
    "under way": ({**S, **told(status="PROCESSING")}, Word.REFUND_OPEN),
    "failed": ({**S, **told(status="FAIL")}, Word.REFUND_FAILED),
    "a status that no page lists": ({**S, **told(status="FAILED")}, Word.NO_WORD),
    "no status": ({**S, **told()}, Word.NO_WORD),
    "done, over another amount": (
        {**S, **told(status="SUCCESS", amount_value=1249)},
        Word.MIXED,
    ),
    "done, over an amount that it does not say": (
        {**S, **told(status="SUCCESS", amount_value=None)},
        Word.REFUND_DONE,
    ),
    "done, of another refund": ({**S, "ids_match": False, "error": "id_mismatch"}, Word.MIXED),
    "done, without ids": ({**S, **told(status="SUCCESS"), "ids_match": None}, Word.NO_WORD),
    "an id of Alipay's alone": ({**S, **told(), "ids_match": None}, Word.NO_WORD),
    "a status alone": (
        {**S, **told(refund_id="", status="FAIL"), "ids_match": None},
        Word.NO_WORD,
    ),
    "S without a word of it: there is none": (
        {**S, **NOWHERE, "ids_match": None},
        Word.UNKNOWN_REFUND,
    ),
    "F: there is none": (refused("REFUND_NOT_EXIST", **told()), Word.UNKNOWN_REFUND),
    "F, and nothing could be read of it": (refused("REFUND_NOT_EXIST"), Word.NO_WORD),
    "F, unsigned": (refused("REFUND_NOT_EXIST", **told(), **UNSIGNED), Word.NO_WORD),
    "a code that says it is under way, beside F": (
        refused("REFUND_IN_PROCESS", **told()),
        Word.NO_WORD,
    ),
    "done, beside U": ({**U, **told(status="SUCCESS"), "ids_match": True}, Word.NO_WORD),
    "done, unsigned": ({**S, **told(status="SUCCESS"), **UNSIGNED}, Word.NO_WORD),
    "a refusal of our key": (refused("KEY_NOT_FOUND", **told()), Word.MISCONFIGURED),
    "the same, unsigned": (refused("KEY_NOT_FOUND", **told(), **UNSIGNED), Word.MISCONFIGURED),
    "the same, wrongly signed": (
        refused("KEY_NOT_FOUND", **told(), error="bad_signature"),
        Word.NO_WORD,
    ),
    "no answer": ({"error": "connection_lost", "http_status": None}, Word.NO_WORD),
    "nothing sent": ({"sent": False, "error": "connection_failed"}, Word.NOTHING_SENT),
}


@pytest.mark.parametrize("case", INQUIRIES)
def test_an_answer_to_an_inquiry_of_a_refund_says_one_word(case):
    facts, word = INQUIRIES[case]
    assert words.of_refund_inquiry(answer(facts), ASKED) is word


def refunded(value, currency="USD", **facts):
    return {
        "refund_listed": True,
        "refunded_value": value,
        "refunded_currency": currency,
        **facts,
    }


SHOWN = {"payment_id": "2019", **told()}
LISTS = {
    "no refund": (SHOWN, Listed.NOTHING),
    "an amount that the shop never knew": (SHOWN, Listed.NOTHING, Amount(None, "")),
    "another amount than the shop's": (SHOWN, Listed.CONTRADICTED, Amount(1249, "USD")),
    "another currency than the shop's": (SHOWN, Listed.CONTRADICTED, Amount(1250, "EUR")),
    "no amount": ({**SHOWN, **told(amount_value=None)}, Listed.CONTRADICTED),
    "an amount of nothing": ({**SHOWN, **told(amount_value=0)}, Listed.CONTRADICTED),
    "an amount below nothing": ({**SHOWN, **told(amount_value=-1)}, Listed.CONTRADICTED),
    "an amount without a currency": ({**SHOWN, **told(amount_currency="")}, Listed.CONTRADICTED),
    "an amount of one": ({**SHOWN, **told(amount_value=1)}, Listed.NOTHING, Amount(1, "USD")),
    "nothing of an amount": ({"payment_id": "2019"}, Listed.CONTRADICTED),
    "no id, and the shop has none": (told(), Listed.CONTRADICTED, ASKED, None),
    "no id, but the shop has one": (told(), Listed.NOTHING, ASKED, "2019"),
    "the whole amount": ({**SHOWN, **refunded(1250)}, Listed.ALL),
    "the whole amount, under way": (
        {**SHOWN, **refunded(1250, refund_under_way=True)},
        Listed.UNDER_WAY,
    ),
    "a part": ({**SHOWN, **refunded(1249)}, Listed.PART),
    "a part, under way": ({**SHOWN, **refunded(1, refund_under_way=True)}, Listed.PART),
    "a refund of nothing": ({**SHOWN, **refunded(None)}, Listed.PART),
    "a refund of nothing, of an amount of one": (
        {**SHOWN, **told(amount_value=1), **refunded(None)},
        Listed.PART,
        Amount(1, "USD"),
    ),
    "more than all": ({**SHOWN, **refunded(1251)}, Listed.UNCLEAR),
    "as much in another currency": ({**SHOWN, **refunded(1250, "EUR")}, Listed.UNCLEAR),
    "less in another currency": ({**SHOWN, **refunded(1, "EUR")}, Listed.UNCLEAR),
    "what cannot be read": ({**SHOWN, **refunded(1250), "refunds_unclear": True}, Listed.UNCLEAR),
    "what cannot be read, of another amount": (
        {**SHOWN, "refunds_unclear": True},
        Listed.UNCLEAR,
        Amount(1, "USD"),
    ),
}


@pytest.mark.parametrize("case", LISTS)
def test_an_inquiry_of_the_payment_lists_one_thing(case):
    facts, listed, *recorded = LISTS[case]
    ours, payment_id = (*recorded, *(ASKED, None)[len(recorded) :])
    assert words.listed(answer({**S, **facts}), ours, payment_id) is listed
