"""Whoever works in Chinese reads no English sentence: refusals of services, lines of commands."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management.base import OutputWrapper
from django.utils import translation

from django_alipay_cancel import services
from django_alipay_cancel.management.console import Console
from django_alipay_cancel.money import minor_units

pytestmark = pytest.mark.django_db

AMOUNT = {"amount_value": 1250, "amount_currency": "USD"}
# A value that is shown, or the name of an argument; the rest of a sentence is Chinese.
ENGLISH = re.compile(r"[A-Za-z]+ [A-Za-z]+")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"payment_id": 7},
        {"payment_id": " a"},
        {"payment_id": "a" * 65},
        {"payment_id": "a\0"},
        {"payment_id": "a", "customer": "somebody"},
        {"payment_id": "a", "amount_value": 1250},
        {"payment_id": "a", "amount_updated_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"payment_id": "a", "paid_at": "yesterday"},
        {"payment_id": "a", **AMOUNT, "amount_value": -1},
        {"payment_id": "a", **AMOUNT, "amount_currency": "usd"},
        {"payment_id": "one", "payment_request_id": "two"},
        {"payment_id": "one", **AMOUNT},
    ],
    ids=str,
)
def test_a_payment_is_refused_in_chinese(wrong):
    services.record_payment(payment_id="one", amount_value=1, amount_currency="USD")
    services.record_payment(payment_request_id="two")
    with translation.override("zh-hans"), pytest.raises(ValidationError) as refused:
        services.record_payment(**wrong)
    for sentence in refused.value.messages:
        assert sentence.endswith("。")
        assert not ENGLISH.search(sentence), sentence


@pytest.mark.parametrize("amount", [1.5, Decimal(-1), Decimal("1.234")])
def test_an_amount_is_refused_in_chinese(amount):
    with translation.override("zh-hans"), pytest.raises(ValidationError) as refused:
        minor_units(amount, "USD")
    [sentence] = refused.value.messages
    assert sentence.endswith("。") and not ENGLISH.search(sentence)


def test_several_refusals_of_one_payment_have_no_blank_between_them(gateway, pay):
    payment = pay()
    payment.payment_id, payment.payment_request_id = " a", " b"
    payment.store("payment_id", "payment_request_id")
    with translation.override("zh-hans"):
        report = services.request_cancellations([payment])
    [told] = report.refused.values()
    assert not re.search("。 ", told)


def test_columns_are_aligned_as_a_terminal_draws_them():
    out = StringIO()
    console = Console(OutputWrapper(out), OutputWrapper(StringIO()))
    console.table({"SUCCEEDED": 12, "无法取消": 3, "ＡＢ": 4, "e\u0301": 5})
    drawn = ["".join("##" if ord(c) > 0x2E80 else c for c in line) for line in told(out)]
    assert [line.replace("\u0301", "").rindex(line[-1]) for line in drawn] == [21] * 4


def told(out: StringIO) -> list[str]:
    return out.getvalue().splitlines()
