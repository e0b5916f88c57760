"""Where a refund is the way now: after one more question to Alipay, with the shop's own link."""

from __future__ import annotations

import re

import pytest
from django.core.checks import run_checks

from django_alipay_cancel import services
from django_alipay_cancel.models import Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import cancel, page_of, the_cancellation, told

pytestmark = pytest.mark.django_db

REFUND = "a refund is the way now"


def shop_page(payment):
    return f"/shop/refund/{payment.reference}/?a=1&b=2"


def broken(payment):
    raise RuntimeError("no such order")


def evil(payment):
    return "javascript:alert(1)"


def nowhere(payment):
    return None


no_function = "text"


@pytest.fixture
def refused(gateway, pay):
    """A payment whose cancellation window is over."""
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    return pay()


def use(settings, name):
    path = name and f"{__name__}.{name}"
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUND_URL": path}


def test_a_refund_is_named_after_alipay_was_asked_once_more(gateway, refused, clerk):
    [(level, message)] = told(cancel(clerk, refused))
    assert level == "error"
    assert REFUND in message
    assert "CANCEL_WINDOW_EXCEED. Alipay was asked again" in message
    assert [call.api for call in gateway.calls] == ["cancel", "inquiryPayment"]


def test_what_turns_out_cancelled_is_not_refunded(gateway, refused, clerk):
    there = gateway.payment("payment-order-1")
    gateway.before_answer = lambda call: setattr(there, "status", "CANCELLED")
    [(level, message)] = told(cancel(clerk, refused))
    assert (level, REFUND in message) == ("success", False)
    assert "The payment is cancelled." in message
    assert Payment.objects.get().status == "CANCELLED"


def test_without_an_answer_nobody_is_told_to_refund(gateway, refused, clerk):
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="inquiryPayment", calls=1)
    [(_, message)] = told(cancel(clerk, refused))
    assert REFUND not in message
    assert "Do not refund" in message
    assert the_cancellation(refused).status == "PENDING"


def test_many_are_asked_about_once_more_too(gateway, pay, clerk):
    payments = [pay(f"order-{number}") for number in range(11)]
    gateway.misbehave(Fault.RESULT, api="cancel", calls=2, result_code="CANCEL_WINDOW_EXCEED")
    messages = told(cancel(clerk, *payments))
    assert [call.api for call in gateway.calls].count("inquiryPayment") == 2
    [refund] = [message for _, message in messages if "refund the payment" in message]
    assert "2 payments" in refund
    assert Payment.objects.filter(status="SUCCESS", checked_status="SUCCESS").count() == 2


def test_the_shops_own_page_is_linked(settings, refused, clerk):
    use(settings, "shop_page")
    [(_, message)] = told(cancel(clerk, refused))
    link = '<a class="alipay-link" href="/shop/refund/order-1/?a=1&amp;b=2">Refund in the shop</a>'
    assert link in message
    assert link in clerk.get(page_of(refused)).content.decode()


def test_a_refund_that_alipay_lists_ends_the_advice_to_refund(settings, refused, clerk):
    use(settings, "shop_page")
    services.cancel_payment(refused)
    assert the_cancellation(refused).next_step == "REFUND"
    Payment.objects.update(refunded_value=1250)
    page = clerk.get(page_of(refused)).content.decode()
    assert "Refund in the shop" not in page
    assert "Alipay lists a refund of this payment." in page


@pytest.mark.parametrize("name", ["broken", "evil", "nowhere"])
def test_an_error_in_the_shops_function_is_logged_and_hides_the_link_only(
    settings, refused, clerk, caplog, name
):
    use(settings, name)
    [(_, message)] = told(cancel(clerk, refused))
    assert REFUND in message
    assert not re.search("javascript|Refund in the shop", message)
    assert clerk.get(page_of(refused)).status_code == 200
    expected = {"broken": "RuntimeError: no such order", "evil": "gave no address", "nowhere": ""}
    assert expected[name] in caplog.text


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (None, []),
        (f"{__name__}.shop_page", []),
        (f"{__name__}.no_such_name", ["django_alipay_cancel.E009"]),
        (f"{__name__}.no_function", ["django_alipay_cancel.E009"]),
        ("nonsense", ["django_alipay_cancel.E009"]),
        (shop_page, ["django_alipay_cancel.E006"]),
    ],
)
def test_a_path_that_leads_nowhere_is_found_by_check(settings, gateway, value, ids):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUND_URL": value}
    found = [message.id for message in run_checks() if "REFUND_URL" in message.msg]
    assert found == ids
