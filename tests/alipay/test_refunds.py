"""Refund codes, bodies and answers: nothing the far end sends raises, or is taken for more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from django_alipay_cancel.alipay.inquiry_transactions import read_transactions
from django_alipay_cancel.alipay.refunds import (
    REFUND_STEPS,
    RefundTold,
    refund_body,
    refund_inquiry_body,
    refund_next_step,
)
from django_alipay_cancel.alipay.results import NextStep


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
        ("MERCHANT_BALANCE_NOT_ENOUGH", "id_mismatch", "CONTACT_ALIPAY"),
        ("MERCHANT_BALANCE_NOT_ENOUGH", "", "TOP_UP_BALANCE"),
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
    bare = refund_inquiry_body(refund_request_id="r-1", merchant_account_id=None)
    assert bare == '{"refundRequestId":"r-1"}'


NO_ID = "A refund_request_id and a payment_id are needed."
NO_AMOUNT = "A refund needs an amount above 0 in a currency."


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"payment_id": ""}, NO_ID),
        ({"refund_request_id": ""}, NO_ID),
        ({"value": 0}, NO_AMOUNT),
        ({"value": -1}, NO_AMOUNT),
        ({"currency": ""}, NO_AMOUNT),
        ({"currency": "usd"}, NO_AMOUNT),
    ],
)
def test_no_body_asks_for_no_refund(changes: dict[str, Any], told: str) -> None:
    given = {"refund_request_id": "r-1", "payment_id": "2019", "value": 1, "currency": "USD"}
    assert refund_body(**given, notify_url="") == (
        '{"refundRequestId":"r-1","paymentId":"2019","refundAmount":{"currency":"USD","value":"1"}}'
    )
    with pytest.raises(ValueError) as refused:
        refund_body(**given | changes, notify_url=None)
    assert str(refused.value) == told


def test_no_body_asks_after_no_refund() -> None:
    with pytest.raises(ValueError) as refused:
        refund_inquiry_body(refund_request_id="", merchant_account_id="m-1")
    assert str(refused.value) == "A refund_request_id is needed."


def test_an_answer_is_read_field_by_field() -> None:
    document = {
        "refundRequestId": "r-1",
        "refundId": "refund-1",
        "refundStatus": "SUCCESS",
        "refundAmount": {"value": "1250", "currency": "USD"},
        "refundTime": "2026-01-02T11:04:05+08:00",
    }
    whole = RefundTold(
        refund_request_id="r-1",
        refund_id="refund-1",
        status="SUCCESS",
        amount_value=1250,
        amount_currency="USD",
        refunded_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    assert RefundTold.read(document) == whole
    of_payment = {"paymentAmount": {"value": "1300", "currency": "EUR"}}
    assert RefundTold.read(document | of_payment) == whole, "the refund's own amount goes first"
    shown = RefundTold.read(of_payment)
    assert (shown.amount_value, shown.amount_currency) == (1300, "EUR")
    nothing = RefundTold(
        refund_request_id="",
        refund_id="",
        status="",
        amount_value=None,
        amount_currency="",
        refunded_at=None,
    )
    assert RefundTold.read({}) == RefundTold.read(dict.fromkeys(document)) == nothing


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
    assert RefundTold.read({"refundId": "x" * 64}).refund_id == "x" * 64
    assert RefundTold.read({"refundId": "退款"}).refund_id == ""


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
