"""Both use cases of Alipay's page, on every database: the SDK is the till, our app cancels.

"You have not received the payment result for a long time" and "cancel an authorization":
https://docs.antom.com/ac/ams/paymentc
"""

from __future__ import annotations

from typing import Any

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from tests.peer.far_end import FarEnd

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _a_till_of_this_far_end(far_end: FarEnd, settings: Any) -> None:
    settings.ALIPAY_CANCEL = {
        "MERCHANTS": {"default": far_end.merchant},
        "CANCEL_UNRESOLVED_AFTER": 25,
    }


def as_the_sdk_sees(far_end: FarEnd, name: str) -> list[dict[str, Any]]:
    """Let the SDK ask, cancel once more and ask again; return what its classes read."""
    calls = (("inquiryPayment", name), ("cancel", name), ("inquiryPayment", name))
    return [told["read"] for told in far_end.sdk(*calls)]


def test_a_payment_without_a_result_for_a_long_time_is_cancelled_by_the_app(
    far_end: FarEnd, clock: Any
) -> None:
    payment = services.record_payment(payment_request_id="sale-2", reference="sale-2")
    far_end.control("misbehave", fault="ANSWER_LOST_AFTER", payment="sale-2", api="pay")
    (paid,) = far_end.sdk(("OrderCode", "sale-2"))
    assert "answer" not in paid, "the till does not know what became of it"
    services.process_due_cancellations()
    assert not Cancellation.objects.exists(), "it is too soon"
    clock.shift(26)
    services.process_due_cancellations()
    payment.refresh_from_db()
    cancellation = payment.cancellations.get()
    assert (payment.status, cancellation.status) == ("CANCELLED", "SUCCEEDED")
    assert cancellation.source == "no_result"
    asked, cancelled, again = as_the_sdk_sees(far_end, "sale-2")
    assert asked["payment_status"] == again["payment_status"] == "CANCELLED"
    assert cancelled["result"] == "S"


def test_an_authorization_is_cancelled_by_the_app(far_end: FarEnd) -> None:
    payment = services.record_payment(payment_request_id="booking-2", reference="booking-2")
    far_end.sdk(("Cashier", "booking-2"))
    far_end.control("pay", payment="booking-2")
    (held,) = far_end.sdk(("inquiryPayment", "booking-2"))
    assert held["read"]["auth_expiry_time"]
    services.refresh_payment(payment)
    assert payment.status == "AUTHORIZED"
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert Payment.objects.get().status == "CANCELLED"
    asked, cancelled, again = as_the_sdk_sees(far_end, "booking-2")
    assert asked["payment_status"] == again["payment_status"] == "CANCELLED"
    assert cancelled["result"] == "S"
    effects = [
        each["cancel_effects"]
        for each in far_end.control("payments")["payments"]
        if each["payment_request_id"] == "booking-2"
    ]
    assert effects == [1]
