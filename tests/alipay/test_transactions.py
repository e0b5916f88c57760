"""What an inquiry lists beside the payment's status: cancels, captures and refunds."""

from dataclasses import asdict
from typing import Any

import pytest

from django_alipay_cancel.alipay.inquiry_transactions import (
    Transactions,
    currency_code,
    read_transactions,
)


def entry(kind: Any, status: Any = None, result: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "transactionType": kind,
        "transactionStatus": status,
        "transactionResult": result if result is None else {"resultStatus": result},
        **fields,
    }


def amount(value: str = "400", currency: str = "USD") -> dict[str, Any]:
    return {"transactionAmount": {"value": value, "currency": currency}}


REFUND = {"refund_listed": True, "refunded_value": 400, "refunded_currency": "USD"}
UNREADABLE = {"refund_listed": True, "refunds_unclear": True}


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], {}),
        ([entry("PAYMENT", "SUCCESS")], {}),
        ([entry("CANCEL", "SUCCESS")], {"cancelled": True}),
        ([entry("VOID", "SUCCESS")], {"cancelled": True}),
        ([entry(" cancel ", " success ")], {"cancelled": True}),
        ([entry("CANCEL", result="S")], {"cancelled": True}),
        ([entry("CANCEL", "SUCCESS", "S")], {"cancelled": True}),
        ([entry("CANCEL", "SUCCESS", "U")], {"cancelling": True}),
        ([entry("CANCEL", "PROCESSING")], {"cancelling": True}),
        ([entry("VOID", result="U")], {"cancelling": True}),
        ([entry("CANCEL")], {"cancelling": True}),
        ([entry("CANCEL", "MELTED")], {"cancelling": True}),
        ([entry("CANCEL", "FAIL")], {}),
        ([entry("CANCEL", result="F")], {}),
        ([entry("CANCEL", "CANCELLED")], {}),
        ([entry("CANCEL", "FAIL", "U")], {"cancelling": True}),
        ([entry("CANCEL", "FAIL"), entry("CANCEL", "SUCCESS")], {"cancelled": True}),
        (
            [entry("VOID", "SUCCESS"), entry("CANCEL", "PENDING")],
            {"cancelled": True, "cancelling": True},
        ),
        ([entry("CAPTURE", "SUCCESS")], {"captured": True}),
        ([entry("capture", result="S")], {"captured": True}),
        ([entry("CAPTURE", "PROCESSING")], {}),
        ([entry("CAPTURE", "FAIL")], {}),
        ([entry("CAPTURE", "SUCCESS"), entry("CAPTURE", "FAIL")], {"captured": True}),
        ([entry("REFUND", "SUCCESS", **amount())], REFUND),
        ([entry("REFUND", result="S", **amount())], REFUND),
        ([entry("REFUND", "PENDING", **amount())], {**REFUND, "refund_under_way": True}),
        ([entry("REFUND", result="U", **amount())], {**REFUND, "refund_under_way": True}),
        ([entry("REFUND", "SUCCESS", "U", **amount())], {**REFUND, "refund_under_way": True}),
        ([entry("REFUND", result="F", **amount())], {}),
        ([entry("REFUND", "FAIL", "S", **amount())], {**REFUND, "refunds_unclear": True}),
        ([entry("REFUND", **amount())], {**REFUND, "refunds_unclear": True}),
        ([entry("REFUND", "SUCCESS")], UNREADABLE),
        ([entry("REFUND", "SUCCESS", transactionAmount="400")], UNREADABLE),
        (
            [entry("REFUND", "SUCCESS", **amount("0"))],
            {**REFUND, "refunded_value": 0, "refunds_unclear": True},
        ),
        (
            [entry("REFUND", "SUCCESS", **amount(currency="usd"))],
            {**REFUND, "refunded_currency": "", "refunds_unclear": True},
        ),
        (
            [entry("REFUND", "SUCCESS", **amount()), entry("CAPTURE", "SUCCESS")],
            {**REFUND, "captured": True},
        ),
        ([entry("PAYMENT", "SUCCESS")] * 1000 + [entry("CANCEL", "S")], {"refunds_unclear": True}),
        ([entry("PAYMENT", "SUCCESS")] * 999 + [entry("CANCEL", "S")], {"cancelled": True}),
        ([entry("CANCEL", "S"), "CANCEL"], {"cancelled": True, "refunds_unclear": True}),
        ([entry("CANCEL", "S"), entry("")], {"cancelled": True, "refunds_unclear": True}),
    ],
)
def test_what_is_listed_is_told_and_nothing_else(listed: list[Any], told: dict[str, Any]) -> None:
    assert asdict(read_transactions(listed)) == asdict(Transactions(**told))


@pytest.mark.parametrize("nothing", [None, {}, "CANCEL", 1])
def test_what_is_no_list_tells_nothing_and_may_hide_a_refund(nothing: object) -> None:
    hides = nothing is not None
    assert asdict(read_transactions(nothing)) == asdict(Transactions(refunds_unclear=hides))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("USD", "USD"),
        ("usd", ""),
        ("UsD", ""),
        ("US", ""),
        ("USDT", ""),
        ("\uff35\uff33\uff24", ""),
        ("123", ""),
        (840, ""),
        (None, ""),
    ],
)
def test_a_currency_is_three_capital_letters_or_none(value: object, code: str) -> None:
    assert currency_code(value) == code
