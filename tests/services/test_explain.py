"""Why a payment stands where it does: the words are true of the rows behind them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.decision import Because
from django_alipay_cancel.testing import Fault
from django_alipay_cancel.wording import because_sentence

pytestmark = pytest.mark.django_db(transaction=True)


def told(payment):
    return str(services.explain(Payment.objects.get(pk=payment.pk)))


@pytest.mark.parametrize("because", Because)
def test_every_reason_has_a_sentence_in_both_languages(because):
    english = because_sentence(because)
    with translation.override("zh-hans"):
        chinese = because_sentence(because)
    assert english.endswith(".") and chinese.endswith("。")
    assert english != chinese


def test_a_payment_that_nobody_cancels(gateway, pay):
    explanation = services.explain(pay())
    assert explanation.because == "nothing_to_do"
    assert explanation.may == ("check", "cancel")
    assert explanation.next_look is None


def test_one_without_an_answer_says_until_when_it_may_take_effect_and_what_comes_next(gateway, pay):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    services.cancel_payment(payment := pay())
    explanation = services.explain(payment)
    assert explanation.because == "repeat"
    assert timedelta(seconds=50) < explanation.quiet_until - timezone.now() < timedelta(seconds=61)
    assert explanation.next_look == Cancellation.objects.get().next_attempt_at
    assert explanation.may == ("check", "try_now")
    assert "neither yes nor no" in told(payment)
    assert "may still take effect" in told(payment)
    assert "The cancel is repeated at" in told(payment)


def test_a_refusal_that_is_not_believed_yet_names_it_and_does_not_say_not_cancelled(
    gateway, pay, clock
):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    services.cancel_payment(payment)
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    clock.shift(3)
    services.process_due_cancellations()
    explanation = services.explain(payment)
    assert explanation.because == "refusal_undecided"
    assert "That is not believed before an inquiry agrees" in told(payment)
    assert "was not cancelled" not in told(payment)
    assert "Alipay is asked again at" in told(payment)


def test_a_call_under_way_is_said(gateway, pay):
    seen = []

    def look(call):
        seen.append(services.explain(Payment.objects.get()).because)
        from django.db import connections

        connections.close_all()

    gateway.before_answer = look
    services.cancel_payment(pay())
    assert seen == ["calling"]


def test_one_in_review_says_that_alipay_is_asked_and_what_a_person_may_do(gateway, pay, clock):
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    services.cancel_payment(payment := pay())
    explanation = services.explain(payment)
    assert explanation.because == "in_review"
    assert explanation.may == ("check", "ask_again", "close")
    assert explanation.next_step == "CONTACT_ALIPAY"
    clock.shift(61)
    assert services.explain(payment).may[-1] == "close_as_not_cancelled"


@pytest.mark.parametrize(
    ("prepare", "because"),
    [
        (lambda gateway: None, "cancelled"),
        (lambda gateway: setattr(gateway, "balance_is_enough", False), "refused"),
    ],
)
def test_a_finished_one_says_how_it_ended(gateway, pay, prepare, because):
    prepare(gateway)
    services.cancel_payment(payment := pay())
    assert services.explain(payment).because == because


def test_a_payment_that_never_reached_alipay(gateway, pay):
    payment = pay(status="PROCESSING", known=False)
    services.refresh_payment(payment)
    assert services.explain(payment).because == "never_reached"


def test_it_is_told_in_chinese(gateway, pay):
    services.cancel_payment(payment := pay())
    with translation.override("zh-hans"):
        assert told(payment) == "支付已取消。"


def test_check_alipay_explains_one_payment(gateway, pay):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    services.cancel_payment(pay())
    out = StringIO()
    call_command("check_alipay", "--payment", "order-1", stdout=out)
    assert "order-1: CANCELLING" in out.getvalue()
    assert "neither yes nor no" in out.getvalue()
    with pytest.raises(CommandError, match="No payment is called 'nobody'"):
        call_command("check_alipay", "--payment", "nobody", stdout=StringIO())


def test_check_alipay_repairs_what_was_restored_apart(gateway, pay):
    services.request_cancellation(payment := pay())
    Cancellation.objects.all().delete()
    out = StringIO()
    call_command("check_alipay", "--repair", stdout=out)
    assert "1 payment said CANCELLING without an open cancellation." in out.getvalue()
    payment.refresh_from_db()
    assert payment.status == "SUCCESS"


@pytest.mark.broken_rows
def test_check_alipay_names_what_a_wrong_clock_wrote_and_a_gateway_that_is_put_off(gateway, pay):
    from django_alipay_cancel.models import Gateway

    services.request_cancellation(pay())
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(days=365))
    later = timezone.now() + timedelta(minutes=1)
    Gateway.objects.create(merchant="default", failures=6, not_before=later, last_error="timeout")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_alipay", stdout=out)
    assert "The due time of 1 cancellations was written by a wrong clock." in out.getvalue()
    assert "is put off until" in out.getvalue()
