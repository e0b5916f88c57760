"""What stands on the page that asks first: when it was paid, whose it is, and what to expect."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel.models import Payment
from tests.admin.conftest import cancel, confirmation_of, text

pytestmark = pytest.mark.django_db


def test_the_question_shows_when_it_was_paid_and_by_whom(pay, clerk):
    buyer = get_user_model().objects.create_user("mei")
    payment = pay(paid_at=timezone.now() - timedelta(hours=3), customer=buyer)
    page = text(clerk.get(confirmation_of(payment)))
    assert ">mei</td>" in page
    assert "3\xa0hours ago" in page
    assert "will probably refuse" not in page


@pytest.mark.parametrize(("days", "hint"), [(1, False), (2, True), (3, True)])
def test_it_warns_when_most_methods_no_longer_cancel_and_refuses_nothing(pay, clerk, days, hint):
    payment = pay(paid_at=timezone.now() - timedelta(days=days, hours=1))
    page = text(clerk.get(confirmation_of(payment)))
    sentence = f"Paid {days} days ago: Alipay will probably refuse."
    assert (sentence in page) is hint
    cancel(clerk, payment)
    assert Payment.objects.get().status == "CANCELLED"


def test_what_is_not_paid_has_neither_time_nor_warning(pay, clerk):
    payment = pay(status="PROCESSING")
    Payment.objects.update(created_at=timezone.now() - timedelta(days=9))
    page = text(clerk.get(confirmation_of(payment)))
    assert "will probably refuse" not in page
    assert " ago</span>" not in page


def test_the_buyers_of_many_take_no_query_each(pay, clerk):
    def used(payments):
        with CaptureQueriesContext(connection) as queries:
            clerk.get(confirmation_of(*payments))
        return len(queries)

    made = [
        pay(f"order-{number}", customer=get_user_model().objects.create_user(f"buyer-{number}"))
        for number in range(6)
    ]
    assert used(made) == used(made[:2])
