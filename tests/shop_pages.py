"""What stands on the example shop's own pages: python -m tests.shop_pages EVERY.

Stores every EVERYth row of `tests.claims` in the shop's database, which is to be new, each with an
order of one buyer, and prints as JSON, by language: `orders`, the text of the buyer's page by the
number of the row, and `till`, that of the cashier's page for one row of each kind of payment.
"""

from __future__ import annotations

import html
import json
import re
import sys
from uuid import uuid4

import django


def main(every: int) -> dict[str, dict[str, dict[str, str]]]:
    """Return the texts."""
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import transaction
    from shop.models import Order

    from tests.claims import LANGUAGES, NOW, OPEN, rows

    call_command("migrate", verbosity=0)
    buyer, cashier = User.objects.create_user("buyer"), User.objects.create_superuser("cashier")
    # The till goes by the payment alone: one sale of each kind.
    sales: dict[tuple[object, ...], str] = {}
    with transaction.atomic():
        for number, row in list(enumerate(rows()))[::every]:
            wish, payment = row.wish, row.wish.payment
            payment.amount_value, payment.amount_currency = 1250, "USD"
            wish.asked_at = wish.created_at = NOW
            if wish.status in OPEN:
                wish.open_for, wish.next_attempt_at = payment, NOW
            else:
                wish.finished_at = NOW
            payment.save(force_insert=True)
            wish.save(force_insert=True)
            state = "paid" if payment.paid_at else "placed"
            over = payment.status in ("CANCELLED", "REFUNDED")
            Order.objects.create(
                number=str(number),
                buyer=buyer,
                total=1250,
                payment=payment,
                state="cancelled" if over else state,
                told=uuid4().hex,
            )
            sales.setdefault((payment.status, payment.paid_at, payment.authorized_at), str(number))
    return {
        language: {
            "orders": _orders(buyer, language),
            "till": {number: _till(cashier, number, language) for number in sales.values()},
        }
        for language in LANGUAGES
    }


def _orders(buyer, language):
    page = _page(buyer, "/orders/", language)
    rows = re.findall(r'<tr data-order="(\d+)".*?>(.*?)</tr>', page, re.DOTALL)
    return {number: _text(row.partition("</button>")[2] or row) for number, row in rows}


def _till(cashier, number, language):
    page = _page(cashier, f"/till/{number}/", language)
    return _text(re.search(r'<p role="status">.*?</p>', page, re.DOTALL)[0])


def _page(user, address, language):
    from django.test import Client

    client = Client()
    client.force_login(user)
    response = client.get(address, headers={"Accept-Language": language, "Host": "127.0.0.1"})
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def _text(piece):
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", piece)).split())


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
