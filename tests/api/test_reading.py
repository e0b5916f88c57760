"""Lists, filters, pages, and what reading costs."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.api.conftest import ask, cancellations_of, is_error

pytestmark = pytest.mark.django_db


def references(response):
    assert response.status_code == 200, response.content
    return [row["reference"] for row in response.json()["results"]]


def test_a_payment_says_what_it_is_and_that_it_can_be_cancelled(pay, clerk):
    payment = pay()
    shown = clerk.get(f"/alipay/payments/{payment.pk}/").json()
    times = ("paid_at", "created_at", "updated_at")
    assert all(shown.pop(name) for name in times)
    assert shown == {
        "id": str(payment.pk),
        "merchant": "default",
        "payment_request_id": "request-order-1",
        "payment_id": "payment-order-1",
        "reference": "order-1",
        "amount_value": 1250,
        "amount_currency": "USD",
        "amount": "12.50 USD",
        "status": "SUCCESS",
        "can_cancel": True,
        "why_not": "",
        "can_refund": False,
        "authorized_at": None,
        "failed_at": None,
        "cancelled_at": None,
        "refunded_at": None,
        "checked_at": None,
        "checked_status": "",
        "why": "Nothing is under way.",
        "cancellations": [],
    }


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("FAIL", "The payment failed; there is nothing to cancel."),
        ("CANCELLING", "The payment is already being cancelled."),
        ("CANCELLED", "The payment is already cancelled."),
    ],
)
def test_a_payment_that_cannot_be_cancelled_says_why(gateway, pay, clerk, status, sentence):
    payment = pay(status="FAIL", failed_at=timezone.now()) if status == "FAIL" else pay()
    if status == "CANCELLING":
        gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel")
    if status != "FAIL":
        ask(clerk, payment)
    shown = clerk.get(f"/alipay/payments/{payment.pk}/").json()
    assert (shown["status"], shown["can_cancel"], shown["why_not"]) == (status, False, sentence)


@pytest.mark.parametrize(
    "query",
    [
        "reference=order-2",
        "payment_id=payment-order-2",
        "payment_request_id=request-order-2",
        "status=CANCELLED",
        "merchant=default&status=CANCELLED&reference=order-2",
    ],
)
def test_the_list_is_filtered_exactly(pay, clerk, query):
    pay("order-1")
    ask(clerk, pay("order-2"))
    assert references(clerk.get(f"/alipay/payments/?{query}")) == ["order-2"]


@pytest.mark.parametrize(
    "query",
    [
        "reference=order",
        "reference=ORDER-1",
        "reference=order-1%20",
        "payment_id=PAYMENT-ORDER-1",
        "payment_id=payment-order-1%20",
        "merchant=x",
    ],
)
def test_a_filter_matches_nothing_but_the_exact_value(pay, clerk, query):
    pay()
    assert references(clerk.get(f"/alipay/payments/?{query}")) == []


def test_a_filter_shows_nobody_elses_payments(pay, buyer, signed_in):
    pay()
    assert references(signed_in(buyer).get("/alipay/payments/?reference=order-1")) == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("status=PAID", "invalid_choice", "status"),
        ("reference=%00", "null_characters_not_allowed", "reference"),
        (f"payment_id={'x' * 65}", "max_length", "payment_id"),
        ("payment_id=", "blank", "payment_id"),
        ("paymentId=payment-order-1", "unknown", "paymentId"),
        ("page_size=0", "min_value", "page_size"),
        ("page_size=201", "max_value", "page_size"),
        ("page_size=many", "invalid", "page_size"),
        ("reference=order-1&reference=order-2", "repeated", "reference"),
        ("cursor=nonsense", "invalid", "cursor"),
        ("cursor=%FF", "invalid", "cursor"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(clerk, query, code, field):
    # Passed over in silence, a misspelt filter would list every payment.
    response = clerk.get(f"/alipay/payments/?{query}")
    assert is_error(response, 400, code)
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    "position",
    [
        "p=yesterday",
        "p=2026-13-01 00:00:00%2B00:00",
        "p=2026-01-01 00:00:00" + ("" if timezone.now().tzinfo else "%2B00:00"),  # USE_TZ
        "p=0001-01-01 00:00:00%2B14:00",
        "p=9999-12-31 23:59:59-14:00",
        "p=%00",
        "o=-1",
        "r=x",
    ],
)
def test_a_forged_cursor_is_refused(clerk, position):
    cursor = b64encode(position.encode()).decode()
    response = clerk.get("/alipay/payments/", {"cursor": cursor})
    assert is_error(response, 400, "invalid")
    assert response.json()["field"] == "cursor"


def test_pages_follow_each_other_and_lead_back(pay, clerk):
    for number in range(5):
        pay(f"order-{number}")
    first = clerk.get("/alipay/payments/?page_size=2&merchant=default")
    second = clerk.get(first.json()["next"])
    third = clerk.get(second.json()["next"])
    pages = [references(page) for page in (first, second, third)]
    assert pages == [["order-4", "order-3"], ["order-2", "order-1"], ["order-0"]]
    assert (first.json()["previous"], third.json()["next"]) == (None, None)
    assert references(clerk.get(third.json()["previous"])) == pages[1]
    assert urlsplit(first.json()["next"]).query.count("merchant=default") == 1


def test_what_is_personal_is_not_cached(pay, clerk):
    payment = pay()
    for response in (
        clerk.get("/alipay/payments/"),
        ask(clerk, payment),
        clerk.get("/alipay/payments/x/"),
    ):
        assert "no-store" in response["Cache-Control"]


@pytest.fixture
def many(gateway, pay, clerk):
    """Ten payments, one of them with three cancellations and five attempts."""
    payments = [pay(f"order-{number}") for number in range(10)]
    for _ in range(2):
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code="MERCHANT_BALANCE_NOT_ENOUGH"
        )
        ask(clerk, payments[0])
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    asked = ask(clerk, payments[0])
    for _ in range(2):
        services.refresh_payment(payments[0])
    return payments[0], asked


# Session, user, the user's permissions and those of the groups: what a signed-in person costs.
SIGNED_IN = 4


@pytest.fixture
def cost():
    """Count the queries of a request, those of the sign-in and the savepoints left out."""

    def of(request, *arguments):
        with CaptureQueriesContext(connection) as queries:
            response = request(*arguments)
        assert response.status_code < 300, response.content
        sent = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        return len(sent) - SIGNED_IN

    return of


def test_reading_costs_the_same_however_many_rows_there_are(
    many, pay, clerk, buyer, signed_in, cost
):
    payment, asked = many
    assert cost(clerk.get, "/alipay/payments/") == 1
    assert cost(clerk.get, "/alipay/payments/?page_size=1") == 1
    assert cost(clerk.get, "/alipay/payments/?status=SUCCESS&merchant=default") == 1
    # The payment, its cancellations, their attempts; and why: the newest, all calls, all events.
    assert cost(clerk.get, f"/alipay/payments/{payment.pk}/") == 6
    assert cost(clerk.get, cancellations_of(payment)) == 3
    assert cost(clerk.get, cancellations_of(payment) + "?page_size=1") == 3
    assert cost(clerk.get, asked["Location"]) == 6
    pay("mine", customer=buyer)
    client = signed_in(buyer)
    assert cost(client.get, "/alipay/payments/") == 1
    assert references(client.get("/alipay/payments/")) == ["mine"]


def test_writing_costs_the_same_however_much_happened_before(gateway, pay, clerk, cost):
    short, long, longer = pay("short"), pay("long"), pay("longer")
    for payment in (long, *[longer] * 4):
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code="MERCHANT_BALANCE_NOT_ENOUGH"
        )
        ask(clerk, payment)
    spent_on = {}
    for payment in (short, long, longer):
        cancel, refresh = cancellations_of(payment), f"/alipay/payments/{payment.pk}/refresh/"
        gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
        spent = [cost(clerk.post, cancel)]  # a new cancellation, no result yet
        spent.append(cost(clerk.post, cancel))  # the open one comes back
        spent.append(cost(clerk.post, refresh))
        Cancellation.objects.filter(status="PENDING").update(next_attempt_at=timezone.now())
        spent.append(cost(clerk.post, cancel))  # the open one, tried now
        spent.append(cost(clerk.post, cancel))  # it was cancelled before
        spent_on[payment] = spent
    # Without a history there is none to read.
    assert max(map(sum, spent_on.values())) <= sum(spent_on[short]) + 12
    assert spent_on[long] == spent_on[longer]
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=2, result_code="INVALID_SIGNATURE", signed=False
    )
    for name in ("one", "two"):
        in_review = ask(clerk, pay(name))
        assert cost(clerk.post, in_review["Location"] + "retry/") == 13
