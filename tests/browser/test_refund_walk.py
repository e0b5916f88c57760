"""What can no longer be cancelled is refunded: asked for, under way, done, closed by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.models import Payment
from django_alipay_cancel.testing import Fault
from tests.browser.looks import CHINESE, PLAIN, nightly

WIDTHS = (375, 1280)
FEE = {
    "en": "Fee and exchange rate follow your contract: a refund may cost more than was received.",
    "zh-hans": "手续费和汇率以合同约定为准：退款成本可能高于实收金额。",
}
UNDER_WAY = {
    "en": "The payment can no longer be cancelled, and all of it is being refunded. "
    "The result is not known yet: do not refund it yourself",
    "zh-hans": "该支付已无法取消，正在全额退款，结果尚未确定：请勿自行退款",
}
REFUNDED = {
    "en": "The payment was not cancelled: all of it was refunded.",
    "zh-hans": "该支付未取消，已全额退款。",
}
BOX = "If it can no longer be cancelled, refund all of it"
LOOKS = [CHINESE, *nightly(PLAIN)]
pytestmark = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.language)


@pytest.fixture
def switched_on():
    return {"REFUNDS": True, "QUIET_PERIOD": 0}


@pytest.fixture
def late(pay, gateway):
    """Make a payment whose window is over, and whose refund waits to be settled."""

    def make(reference):
        payment = pay(reference)
        Payment.objects.filter(pk=payment.pk).update(paid_at=payment.paid_at - timedelta(days=3))
        there = gateway.payment(payment.payment_request_id)
        there.paid_at = gateway.now - timedelta(days=3)
        there.refunds_take_time = True
        return payment

    return make


def now(payment):
    return Payment.objects.get(pk=payment.pk)


def pictured(pages, name):
    """Take a picture at each width; nothing of ours stands beside it or keeps people out."""
    from tests.browser.accessibility import faults

    for width in WIDTHS:
        pages.page.set_viewport_size({"width": width, "height": 800})
        pages.picture(f"{name}-{width}")
        assert pages.beside_the_window() == []
        # On a phone the host's own list is scrolled.
        assert width == WIDTHS[0] or not pages.page.evaluate("""
            () => [...document.querySelectorAll("#changelist .results")]
              .some((list) => list.scrollWidth > list.clientWidth)
        """)
        assert faults(pages.page, {"include": [[".alipay-page"]]}) == []


def test_what_can_no_longer_be_cancelled_is_refunded(staff, late, gateway, worker, look):
    payment = late("1001")
    pages = staff("operator")
    pages.open(f"payment/cancel/?payments={payment.pk.hex}")
    pages.reads(FEE["en"])
    assert FEE[look.language] in pages.page.locator("body").inner_text()
    box = pages.page.get_by_label(look.say(BOX))
    assert (
        "12.50 USD"
        in pages.page.locator("label", has=box)
        .or_(pages.page.locator("label", has_text=look.say(BOX)))
        .inner_text()
    )
    assert not box.is_checked()
    pictured(pages, "refund-asked")
    box.check()
    assert gateway.calls == (), "Nothing may be sent before the person has said yes."
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 1).click()
    pages.message(UNDER_WAY[look.language])
    assert now(payment).status == "REFUNDING"
    pictured(pages, "refund-under-way")
    pages.open("cancellation/")
    pictured(pages, "refund-under-way-list")
    gateway.refund_settles("pay-1001")
    worker()
    pages.open_row(payment)
    pages.reads(REFUNDED["en"])
    assert REFUNDED[look.language] in pages.page.locator("body").inner_text()
    assert now(payment).status == "REFUNDED"
    assert gateway.payment("pay-1001").refunded_value == 1250
    pictured(pages, "refund-done")
    pages.open("cancellation/")
    pictured(pages, "refund-done-list")
    pages.open_row(payment.cancellations.get())
    pictured(pages, "refund-done-cancellation")


def test_a_refusal_leads_to_a_refund_in_full(staff, late, gateway, worker, look):
    payment = late("1001")
    assert services.cancel_payment(payment).next_step == "REFUND"
    pages = staff("operator")
    pages.open_row(payment)
    pictured(pages, "refund-in-full-rejected")
    pages.link("Refund in full").click()
    box = pages.page.get_by_label(look.say(BOX))
    assert box.is_checked()
    pictured(pages, "refund-in-full-asked")
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 1).click()
    pages.message(UNDER_WAY[look.language])
    gateway.refund_settles("pay-1001", status="FAIL")
    worker()
    assert now(payment).status == "SUCCESS"
    pages.open_row(payment)
    pictured(pages, "refund-in-full-refused")
    pages.open("cancellation/")
    pictured(pages, "refund-in-full-refused-list")


ANSWERS = {
    "yes": ("It is cancelled: any money paid has gone or goes back to the buyer.", "CANCELLED"),
    "refunded": ("It is refunded in full: all the money goes back to the buyer.", "REFUNDED"),
    "no": ("Neither: the payment is what it was before.", "SUCCESS"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_refund_in_review_is_closed_by_hand_with_one_of_three_answers(
    staff, late, gateway, look, answer
):
    payment = late("1001")
    gateway.misbehave(Fault.OTHER_IDS, api="refund")
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert cancellation.status == "NEEDS_REVIEW"
    label, status = ANSWERS[answer]
    pages = staff("operator")
    pages.open_row(cancellation)
    if answer == "refunded":
        pictured(pages, "refund-review")
    pages.link("Close by hand").click()
    assert pages.page.get_by_role("radio").count() == 3
    pages.page.get_by_label(look.say(label)).check()
    pages.page.get_by_label(look.say("How this is known")).fill("Alipay's support, ticket 4711")
    if answer == "refunded":
        pictured(pages, "refund-close")
    pages.button("Close by hand").click()
    pages.message(look.say("Closed by hand by %(name)s.", name="operator"))
    assert now(payment).status == status
    pictured(pages, f"refund-closed-{answer}")
