"""No page, list or summary says more of a payment than its row does, and none orders two things."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin.grouping import grouped
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, cancel, page_of, text, told
from tests.admin.test_refunding import use

pytestmark = [pytest.mark.django_db, pytest.mark.once]

RETURNED = "All the money goes back to the buyer."
RELEASED = "The hold on the buyer's money is released."
CLOSED = "It is closed, and the buyer can no longer pay."
FAILED = "The payment had failed; no money was taken, there is nothing to cancel."
ENDS = (RETURNED, RELEASED, CLOSED, FAILED)


@pytest.fixture
def ended(gateway, pay):
    """Make payments that were cancelled, or had failed, each with what is true of it."""

    def make(each):
        now = timezone.now()
        payments = {RETURNED: [], RELEASED: [], CLOSED: [], FAILED: []}
        for number in range(each):
            payments[RETURNED].append(pay(f"paid-{number}"))
            payments[RELEASED].append(pay(f"held-{number}", status="AUTHORIZED", authorized_at=now))
            payments[CLOSED].append(pay(f"open-{number}", status="PROCESSING"))
            payments[FAILED].append(pay(f"fail-{number}", status="PROCESSING"))
            gateway.payment(f"payment-fail-{number}").status = "FAIL"
        return payments

    return make


def plain(message):
    return html.unescape(re.sub("<[^>]*>", "", message))


def buttons(page):
    """The acts above the page: (text, whether it is the primary one)."""
    [bar] = re.findall(r'<div class="alipay-bar">(.*?)<a class="alipay-history"', page, re.S)
    found = re.findall(r'class="button([^"]*)"[^>]*>([^<]*)<', bar)
    return [(label, "alipay-quiet" not in classes) for classes, label in found]


@pytest.mark.parametrize("each", [1, 3])
def test_each_is_told_what_becomes_of_its_own_money(gateway, pay, ended, clerk, each):
    payments = ended(each)
    response = cancel(clerk, *[row for rows in payments.values() for row in rows])
    messages = [plain(message) for _, message in told(response)]
    clerk.get(response["Location"])  # the messages are shown once
    for end, rows in payments.items():
        of_this = [message for message in messages if end in message]
        if each == 1:
            assert [message.partition(":")[0] for message in of_this] == [rows[0].reference]
        else:
            assert [message.partition(":")[0] for message in of_this] == ["3 payments"]
        for payment in rows:
            page = text(clerk.get(page_of(payment)))
            assert [one for one in ENDS if one in page] == [end], payment


def test_a_warning_of_few_is_not_lost_among_many(gateway, pay, clerk):
    payments = [pay(f"order-{number:02}") for number in range(12)]
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=2, result_code="PAYMENT_METHOD_NOT_SUPPORTED"
    )
    gateway.misbehave(Fault.RESULT, api="cancel", calls=3, result_code="CANCEL_WINDOW_EXCEED")
    messages = [plain(message) for _, message in told(cancel(clerk, *payments))]
    [warned] = [message for message in messages if "A refund may be impossible too" in message]
    [over] = [message for message in messages if "could be cancelled is over" in message]
    assert warned.startswith("2 payments:")
    assert over.startswith("3 payments:")


@pytest.mark.broken_rows
@pytest.mark.parametrize("code", ["", "CANCEL_WINDOW_EXCEED", "PAYMENT_METHOD_NOT_SUPPORTED"])
@pytest.mark.parametrize("step", ["NONE", "REFUND", "CHECK_REFUNDS", "RELEASE_OR_CAPTURE"])
@pytest.mark.parametrize("fact", ["", "authorized_at", "paid_at"])
@pytest.mark.parametrize("status", ["CANCELLED", "FAIL", "SUCCESS", "CANCELLING"])
def test_a_group_says_what_the_page_of_each_of_its_members_says(
    pay, viewer, status, fact, step, code
):
    payment = pay()
    now = timezone.now()
    facts = {"paid_at": None, "authorized_at": None} | ({fact: now} if fact else {})
    if status == "SUCCESS":
        facts["paid_at"] = now
    Payment.objects.update(status=status, **facts)
    for wish in ("SUCCEEDED", "REJECTED"):
        row = Cancellation.objects.create(
            payment=payment,
            status=wish,
            next_step=step,
            result_code=code,
            source="admin",
            asked_at=now,
            created_at=now,
            finished_at=now,
        )
        [group] = grouped(Cancellation.objects.filter(pk=row.pk))
        assert group.told.text in text(viewer.get(page_of(row)))
    assert viewer.get(f"{ADMIN}cancellation/").status_code == 200


def test_the_list_shows_the_payment_beside_what_became_of_the_wish(gateway, pay, viewer):
    failed = pay("order-1", status="PROCESSING")
    gateway.payment("payment-order-1").status = "FAIL"
    services.cancel_payment(failed)
    page = text(viewer.get(f"{ADMIN}cancellation/"))
    state = re.search(r'field-state">(.*?)</td>', page)[1]
    assert plain(state.replace("<br>", " ")) == "succeeded payment failed"


def test_a_row_of_the_list_is_one_word_per_column(gateway, pay, viewer):
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(pay())
    page = text(viewer.get(f"{ADMIN}cancellation/"))
    state = re.search(r'field-state">(.*?)</td>', page)[1]
    assert plain(state.partition("<br>")[0]) == "waiting"
    step = re.search(r'field-step">(.*?)</td>', page)[1]
    assert plain(step) == "Wait UNKNOWN_EXCEPTION"
    assert "Do not refund yet." in step


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("CANCEL_WINDOW_EXCEED", [("Refund in the shop", True), ("Cancel payment", False)]),
        ("MERCHANT_BALANCE_NOT_ENOUGH", [("Cancel again, after topping up", True)]),
        ("ORDER_STATUS_INVALID", [("Check now", True), ("Cancel payment", False)]),
        ("ACCESS_DENIED", [("Cancel payment", False)]),
    ],
)
def test_the_next_step_is_the_one_primary_button(settings, gateway, pay, clerk, code, shown):
    settings.ALIPAY_CANCEL = {
        **settings.ALIPAY_CANCEL,
        "REFUND_URL": "tests.admin.test_refunding.shop_page",
    }
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=None, result_code=code)
    services.cancel_payment(payment)
    found = buttons(text(clerk.get(page_of(payment))))
    assert [one for one in found if one[0] != "Check now" or one in shown] == shown
    assert sum(primary for _, primary in found) <= 1


def test_where_a_refund_is_the_way_the_page_does_not_ask_to_cancel_anew(
    settings, gateway, pay, clerk
):
    use(settings, "shop_page")
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(payment)
    page = text(clerk.get(page_of(payment)))
    assert "a refund is the way now" in page
    assert "cancel it again" not in page
    assert "cancel the payment anew" not in page


def test_an_authorization_whose_window_is_over_is_released_or_captured_and_not_refunded(
    gateway, pay, clerk
):
    payment = pay(status="AUTHORIZED", authorized_at=timezone.now())
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    [(_, message)] = told(cancel(clerk, payment))
    assert "Nothing was captured, so there is nothing to refund." in message
    assert "Refund in the shop" not in text(clerk.get(page_of(payment)))


def test_an_unpaid_payment_is_not_called_a_successful_one(gateway, pay, clerk):
    payment = pay(status="PROCESSING")
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=1, result_code="PAYMENT_METHOD_NOT_SUPPORTED"
    )
    [(_, message)] = told(cancel(clerk, payment))
    assert "does not support cancelling the payment" in message
    assert "successful" not in message


@pytest.mark.parametrize("seconds", [-3600, 0, 3600])
def test_a_clock_that_is_wrong_makes_no_payment_one_that_was_paid_too_late(pay, viewer, seconds):
    payment = pay(known=True, status="SUCCESS", paid_at=timezone.now() + timedelta(seconds=seconds))
    services.cancel_payment(payment)
    assert "paid after it had been cancelled" not in text(viewer.get(page_of(payment)))


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_paid_is_late_when_it_is_heard_of_late_whatever_time_it_names(pay, viewer, seconds):
    payment = pay(status="PROCESSING")
    services.cancel_payment(payment)
    late = timezone.now() + timedelta(seconds=seconds)
    services.record_payment(payment_id=payment.payment_id, paid_at=late)
    assert "paid after it had been cancelled" in text(viewer.get(page_of(payment)))


def test_a_payment_that_the_shop_wrote_as_paid_and_alipay_repeats_later_is_not_late(pay, viewer):
    payment = pay()
    Payment.objects.update(paid_at=timezone.now() + timedelta(minutes=5))
    payment.refresh_from_db()
    payment.events.all().delete()
    services.cancel_payment(payment)
    services.record_payment(payment_id=payment.payment_id, paid_at=timezone.now())
    assert "paid after it had been cancelled" not in text(viewer.get(page_of(payment)))
