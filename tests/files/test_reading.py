"""Heads, ids, cells and amounts on their way through a file."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from django_alipay_cancel import services
from django_alipay_cancel.files import headers
from django_alipay_cancel.files.ids import why_destroyed
from django_alipay_cancel.files.plain import plain
from tests.servers import ROOT

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("paymentRequestId", "payment_request_id"),
        (" Payment_Request_ID ", "payment_request_id"),
        ("Payment request ID", "payment_request_id"),
        ("ＰＡＹＭＥＮＴ－ＩＤ", "payment_id"),
        ("支付请求 ID", "payment_request_id"),
        ("商户订单号", "payment_request_id"),
        ("订单金额（元）", "amount"),
        ("payment__reference", "reference"),
        ("payment__status", "payment__status"),
        ("zebra", None),
        ("", None),
    ],
)
def test_a_head_is_known_however_it_is_written(head, name):
    assert headers.column(head) == name


def test_the_page_for_people_has_the_whole_table():
    page = (ROOT / "docs" / "how-to" / "import-and-export.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if "| `" in line}
    assert set(rows) == set(headers.NAMES)
    for name, aliases in headers.NAMES.items():
        assert all(alias in rows[name] for alias in aliases), name


@pytest.mark.parametrize(
    "id",
    [
        "20261124194010830010018800201",
        "2026112419401083001001880Q0",
        "1234567890123450",  # ten per cent of such ids end like this
        "1E5",
        "2026e28a",
        "order-1",
        "#1001",
        "O'Brien-7",
        "订单（1）"[:2],
        "000123",
        "Nan-1",
        "12-13",
    ],
)
def test_an_id_that_may_be_one_is_let_through(id):
    assert why_destroyed(id) == ""


def test_what_is_not_to_be_seen_is_escaped_and_line_ends_are_kept():
    assert plain("订单 \x1b[2J\n\u202eo\x9b\u200b") == "订单 \\x1b[2J\n\\u202eo\\x9b\\u200b"


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [
        ("12.50", "USD", 1250),
        ("12.5", "USD", 1250),
        ("12", "USD", 1200),
        ("1.25E+3", "USD", 125000),
        ("1250", "JPY", 1250),
        ("1250.00", "JPY", 1250),
        ("1.250", "KWD", 1250),
        ("0", "USD", 0),
        ("0.00", "JPY", 0),
    ],
)
def test_money_becomes_minor_units_of_its_currency(amount, currency, value):
    assert services.minor_units(Decimal(amount), currency) == value


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (Decimal("12.505"), "USD"),
        (Decimal("0.5"), "JPY"),
        (Decimal("1.2345"), "KWD"),
        (Decimal("-1"), "USD"),
        (Decimal("NaN"), "USD"),
        (Decimal("Infinity"), "USD"),
        (12.5, "USD"),
        ("12.50", "USD"),
        (True, "USD"),
    ],
)
def test_what_is_no_exact_amount_is_refused(amount, currency):
    with pytest.raises(ValidationError) as caught:
        services.minor_units(amount, currency)
    assert "amount" in caught.value.message_dict
