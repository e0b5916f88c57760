"""An operator's day in the admin, in each theme and language, and without JavaScript."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db.models import F
from playwright.sync_api import expect

from django_alipay_cancel.models import CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.browser.looks import (
    CHINESE,
    PLAIN,
    UNFOLD,
    UNFOLD_CHINESE,
    WITHOUT_JAVASCRIPT,
    nightly,
)

# Each theme, each language, with JavaScript and without; the other pairs nightly.
LOOKS = [UNFOLD_CHINESE, WITHOUT_JAVASCRIPT, *nightly(PLAIN, CHINESE, UNFOLD)]
pytestmark = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name or "plain")

# Word for word, whatever a catalogue says: who reads Chinese is told in Chinese.
CANCELLED = {
    "en": "The payment is cancelled. All the money goes back to the buyer.",
    "zh-hans": "取消成功，该支付已取消。买家所付款项将全额原路退回。",
}
NOT_CANCELLED = {
    "en": "The payment was not cancelled.",
    "zh-hans": "取消失败，该支付未取消。",
}
UNKNOWN = {
    "en": "Do not refund and do not ask the buyer to pay again yet.",
    "zh-hans": "请勿退款，也请勿让买家再次支付。",
}


def now(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)


def test_who_is_not_signed_in_signs_in_and_is_where_they_wanted_to_be(staff, pay):
    pay("1001")
    pages = staff("clerk", signed_in=False)
    pages.open("payment/")
    pages.picture("sign-in")
    pages.sign_in("clerk")
    assert pages.page.url.endswith("/admin/django_alipay_cancel/payment/")
    pages.page.get_by_role("link", name="1001").wait_for()


def test_one_payment_is_cancelled(staff, pay, gateway, look):
    payment = pay("1001")
    pages = staff("clerk")
    pages.open("payment/")
    pages.page.get_by_role("link", name="1001").click()
    pages.picture("cancel-one-payment")
    pages.link("Cancel payment").click()
    pages.page.get_by_label(pages.look.say("Reason")).fill("ordered twice")
    pages.picture("cancel-one-confirm")
    assert gateway.calls == (), "Nothing may be sent before the person has said yes."
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 1).click()
    pages.message(CANCELLED[look.language])
    pages.picture("cancel-one-done")
    cancellation = payment.cancellations.get()
    assert (now(payment).status, cancellation.status) == ("CANCELLED", "SUCCEEDED")
    assert (cancellation.requested_by_name, cancellation.reason) == ("clerk", "ordered twice")
    assert pages.link("Cancel payment").count() == 0


def test_many_payments_are_cancelled_and_each_is_told(staff, pay, look):
    payments = [pay(str(number), amount=number) for number in range(1001, 1004)]
    failed = pay("1004", status="FAIL")
    Payment.objects.filter(pk=failed.pk).update(status="FAIL")
    pages = staff("clerk")
    pages.open("payment/")
    for payment in [*payments, failed]:
        pages.choose(payment)
    pages.run_action("Cancel selected payments")
    pages.reads("The payment failed; there is nothing to cancel.")
    pages.page.get_by_label(pages.look.say("Reason")).fill("out of stock")
    assert pages.beside_the_window() == []
    pages.picture("cancel-many-confirm")
    pages.page.set_viewport_size({"width": 375, "height": 800})
    assert pages.beside_the_window() == []
    pages.picture("cancel-many-confirm-375")
    heading = pages.look.count("Cancel this payment?", "Cancel these payments?", 4)
    assert pages.page.locator(".alipay-page h1", has_text=heading).is_visible()
    pages.page.set_viewport_size({"width": look.width, "height": 800})
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 3).click()
    for payment in payments:
        pages.message(CANCELLED[look.language], about=payment.reference)
    assert "/cancellation/batch/" in pages.page.url
    pages.reads("For the buyer, to copy")
    pages.picture("cancel-many-done")
    pages.page.set_viewport_size({"width": 375, "height": 800})
    assert (
        pages.page.evaluate("document.documentElement.scrollWidth") <= 375 or look.host != "plain"
    )
    pages.picture("cancel-many-done-375")
    assert [now(payment).status for payment in payments] == ["CANCELLED"] * 3
    assert now(failed).status == "FAIL"


def test_who_may_only_look_is_refused(staff, pay, gateway):
    payment = pay("1001")
    pages = staff("viewer")
    pages.open_row(payment)
    pages.reads("You do not have permission to cancel this payment.")
    assert pages.link("Cancel payment").count() == 0
    pages.picture("viewer-payment")
    refused = pages.open(f"payment/cancel/?payments={payment.pk.hex}")
    assert refused.status == 403
    pages.picture("viewer-refused")
    assert now(payment).status == "SUCCESS"
    assert gateway.calls == ()


def test_a_lost_answer_reads_as_unknown_until_the_worker_knows(staff, pay, gateway, worker, look):
    payment = pay("1001")
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel")
    pages = staff("clerk")
    pages.open(f"payment/cancel/?payments={payment.pk.hex}")
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 1).click()
    pages.message(UNKNOWN[look.language])
    assert CANCELLED[look.language] not in pages.page.locator("body").inner_text()
    assert now(payment).status == "CANCELLING"
    pages.picture("lost-answer-unknown")
    worker()
    pages.page.reload()
    pages.reads("The payment is cancelled. All the money goes back to the buyer.")
    assert CANCELLED[look.language] in pages.page.locator("body").inner_text()
    pages.picture("lost-answer-finished")
    assert now(payment).status == "CANCELLED"
    assert gateway.payment("pay-1001").cancel_effects == 1


def test_a_cancellation_is_closed_by_hand_with_a_note(staff, in_review, look):
    cancellation = in_review("1001")
    pages = staff("clerk")
    pages.open("cancellation/")
    pages.page.get_by_role("link", name="1001").first.click()
    pages.picture("close-by-hand-review")
    pages.link("Close by hand").click()
    pages.button("Close by hand").click()
    summary = pages.page.get_by_role("alert")
    expect(summary).to_be_focused()
    pages.picture("close-by-hand-missing")
    summary.get_by_role("link", name=pages.look.say("How this is known")).click()
    assert pages.page.evaluate("location.hash") == "#id_note"
    assert pages.page.get_by_role("radio", checked=True).count() == 0
    pages.page.get_by_label(
        look.say("It is cancelled: any money paid has gone or goes back to the buyer.")
    ).check()
    pages.page.get_by_label(look.say("How this is known")).fill("Wang of Alipay's support, phone")
    pages.picture("close-by-hand-filled")
    pages.button("Close by hand").click()
    pages.message(look.say("Closed by hand by %(name)s.", name="clerk"))
    pages.picture("close-by-hand-done")
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.closed_by) == (
        "SUCCEEDED",
        get_user_model().objects.get(username="clerk"),
    )
    assert cancellation.note == "Wang of Alipay's support, phone"


def test_what_is_left_in_review_is_closed_together(staff, in_review, look):
    cancellations = [in_review("1001"), in_review("1002")]
    # For a minute after it a cancel may still take effect.
    hour = timedelta(hours=1)
    CancellationAttempt.objects.update(
        sent_at=F("sent_at") - hour,
        claim_until=F("claim_until") - hour,
        finished_at=F("finished_at") - hour,
    )
    pages = staff("clerk")
    pages.open("cancellation/")
    for cancellation in cancellations:
        pages.choose(cancellation.payment)
    pages.run_action("Close by hand")
    pages.page.get_by_label(
        look.say("It is not cancelled: the payment is what it was before.")
    ).check()
    pages.page.get_by_label(look.say("How this is known")).fill("Alipay's list of today")
    pages.picture("close-many-filled")
    pages.button("Close by hand").click()
    for cancellation in cancellations:
        pages.message(NOT_CANCELLED[look.language], about=cancellation.payment.reference)
        assert now(cancellation.payment).status == "SUCCESS"
    pages.picture("close-many-done")


def test_an_expired_sign_in_loses_neither_the_selection_nor_the_reason(staff, pay):
    payments = [pay("1001"), pay("1002")]
    pages = staff("clerk")
    pages.open(f"payment/cancel/?payments={'.'.join(payment.pk.hex for payment in payments)}")
    pages.page.get_by_label(pages.look.say("Reason")).fill("ordered twice")
    pages.forget_session()
    pages.button_counted("Yes, cancel the payment", "Yes, cancel %(count)d payments", 2).click()
    pages.sign_in("clerk")
    pages.picture("expired-sign-in-back")
    assert pages.page.get_by_label(pages.look.say("Reason")).input_value() == "ordered twice"
    for payment in payments:
        pages.page.get_by_role("link", name=payment.reference).wait_for()
    assert [now(payment).status for payment in payments] == ["SUCCESS", "SUCCESS"]
