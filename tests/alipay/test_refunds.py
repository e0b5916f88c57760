"""Refund codes, bodies and answers: nothing the far end sends raises, or is taken for more."""

from __future__ import annotations

import json

import pytest

from django_alipay_cancel.alipay.refunds import (
    REFUND_STEPS,
    RefundTold,
    refund_body,
    refund_inquiry_body,
    refund_next_step,
)
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.alipay.transactions import read_transactions


def test_a_code_asks_for_another_step_as_the_answer_to_a_refund() -> None:
    code = "PAYMENT_METHOD_NOT_SUPPORTED"
    assert refund_next_step(result_code=code) is NextStep.CONTACT_ALIPAY, "not a refund again"
    assert refund_next_step(result_code="ORDER_IS_CANCELED") is NextStep.CHECK_ORDER_STATUS
    assert refund_next_step(result_code="REFUND_AMOUNT_EXCEED") is NextStep.CHECK_REFUNDS
    assert NextStep.REFUND not in REFUND_STEPS.values()


@pytest.mark.parametrize(
    ("code", "error", "step"),
    [
        ("KEY_NOT_FOUND", "", "FIX_CONFIGURATION"),
        ("SUCCESS", "bad_signature", "FIX_CONFIGURATION"),
        ("", "id_mismatch", "CONTACT_ALIPAY"),
        ("A_CODE_OF_NEXT_YEAR", "", "CONTACT_ALIPAY"),
    ],
)
def test_configuration_errors_and_new_codes(code: str, error: str, step: str) -> None:
    assert refund_next_step(result_code=code, error=error) == step


def test_the_bodies() -> None:
    given = {"refund_request_id": "r-1", "payment_id": "2019", "value": 1250, "currency": "USD"}
    assert json.loads(refund_body(**given, notify_url="https://shop.example/n")) == {
        "refundRequestId": "r-1",
        "paymentId": "2019",
        "refundAmount": {"currency": "USD", "value": "1250"},
        "refundNotifyUrl": "https://shop.example/n",
    }
    assert "refundNotifyUrl" not in refund_body(**given, notify_url=None)
    asked = refund_inquiry_body(refund_request_id="r-1", merchant_account_id="m-1")
    assert json.loads(asked) == {"refundRequestId": "r-1", "merchantAccountId": "m-1"}
    for wrong in ({"payment_id": ""}, {"refund_request_id": ""}, {"value": 0}, {"currency": ""}):
        with pytest.raises(ValueError, match="need"):
            refund_body(**given | wrong, notify_url=None)


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        ({"currency": "USD", "value": "1250"}, 1250),
        ({"currency": "USD", "value": 1250}, None),
        ({"currency": "USD", "value": "-1"}, None),
        ({"currency": "USD", "value": "12.50"}, None),
        ({"currency": "USD", "value": "9" * 19}, None),
        ({"currency": "USD"}, None),
        ("12.50", None),
        (None, None),
    ],
)
def test_an_amount_is_digits_or_none(amount: object, value: int | None) -> None:
    assert RefundTold.read({"refundAmount": amount}).amount_value == value


def test_an_id_is_whole_or_none() -> None:
    told = RefundTold.read({"refundId": "x" * 65, "refundRequestId": "\x00", "refundStatus": 1})
    assert (told.refund_id, told.refund_request_id, told.status) == ("", "", "")


def refund(value="400", status="SUCCESS", currency="USD", kind="REFUND"):
    amount = {"value": value, "currency": currency}
    return {"transactionType": kind, "transactionStatus": status, "transactionAmount": amount}


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (None, (None, "", False, False)),
        ([], (None, "", False, False)),
        ({}, (None, "", False, True)),
        ("REFUND", (None, "", False, True)),
        ([refund(), refund("600")], (1000, "USD", False, False)),
        ([refund(kind="refund", status="success")], (400, "USD", False, False)),
        ([refund(status="FAIL"), refund("600")], (600, "USD", False, False)),
        ([refund(status="PROCESSING")], (400, "USD", True, False)),
        ([refund(status="NEW")], (400, "USD", False, True)),
        ([refund(), refund(currency="EUR")], (800, "", False, True)),
        ([refund(400)], (None, "USD", False, True)),
        ([refund("-1")], (None, "USD", False, True)),
        ([refund("12.50")], (None, "USD", False, True)),
        ([refund(None)], (None, "USD", False, True)),
        ([{"transactionType": 1}], (None, "", False, True)),
        ([None], (None, "", False, True)),
        ([refund(kind="CAPTURE")] * 10_000, (None, "", False, True)),
    ],
)
def test_what_may_hide_a_refund_is_no_proof_that_there_is_none(listed, told) -> None:
    read = read_transactions(listed)
    assert told == (
        read.refunded_value,
        read.refunded_currency,
        read.refund_under_way,
        read.refunds_unclear,
    )
