"""Many wishes at once: they belong together, and one merchant's trouble is its own."""

from __future__ import annotations

from uuid import uuid4

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.worker import process_these

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_asked_together_is_found_together(gateway, pay):
    payments = [pay(f"order-{n}") for n in range(5)]
    batch = uuid4()
    services.cancel_payment(payments[0], batch=batch)
    services.request_cancellation(payments[1], batch=batch)
    services.request_cancellations(payments[2:4], batch=batch)
    services.request_cancellations(payments[4:])
    together = Cancellation.objects.filter(batch=batch)
    assert {c.payment_id for c in together} == {payment.pk for payment in payments[:4]}


def test_what_a_vault_raises_comes_before_any_row(settings, gateway, pay):
    def vault():
        raise RuntimeError("the vault is sealed")

    merchants = settings.ALIPAY_CANCEL["MERCHANTS"]
    merchants["vault"] = {**gateway.merchant_settings(), "PRIVATE_KEY": vault}
    pay("sealed", merchant="vault")
    pay("good")
    with pytest.raises(RuntimeError, match="the vault is sealed"):
        services.request_cancellations(Payment.objects.all())
    assert not Cancellation.objects.exists()


def test_when_told_to_stop_the_rest_is_left_alone(gateway, pay):
    payments = [pay(f"order-{n}") for n in range(3)]
    services.request_cancellations(payments)
    process_these([p.pk for p in payments], stopping=lambda: len(gateway.calls) >= 2)
    assert len(gateway.calls) == 2
    assert Cancellation.objects.filter(status="PENDING").count() == 1


def test_a_batch_of_which_nothing_can_be_sent_is_refused_as_a_whole(gateway, pay):
    elsewhere = pay("elsewhere", merchant="unknown")
    invalid = pay("invalid")
    Payment.objects.filter(pk=invalid.pk).update(payment_id="blank at the end ")
    report = services.request_cancellations(Payment.objects.all())
    assert set(report.refused) == {elsewhere.pk, invalid.pk}
    assert "payment_id" in report.refused[invalid.pk]
    assert not Cancellation.objects.exists()
