"""Test your shop without an Alipay account.

`FakeAlipay` is a gateway to develop and test against: it checks your signature, keeps payments,
cancels them by Alipay's rules, signs its answers, and misbehaves on demand::

    from django_alipay_cancel import services
    from django_alipay_cancel.testing import FakeAlipay, Fault

    def test_a_lost_answer_is_asked_for_again(settings, transactional_db):
        with FakeAlipay() as gateway:
            settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
            gateway.add_payment(payment_request_id="order-1")
            gateway.misbehave(Fault.ANSWER_LOST_AFTER, payment="order-1")
            payment = services.record_payment(payment_request_id="order-1")
            assert services.cancel_payment(payment).status == "PENDING"
            assert gateway.payment("order-1").cancel_effects == 1

It needs no Django. `FakeAlipay` serves a real socket on loopback; `FakeAlipay.adapter` is the same
gateway as a requests adapter, for tests without sockets. ``manage.py run_fake_alipay`` serves it to
a shop in development. What it can be told to do wrong is listed in `Fault`.
"""

from django_alipay_cancel.testing.books import RecordedCall
from django_alipay_cancel.testing.fake_payment import FakePayment
from django_alipay_cancel.testing.faults import Fault
from django_alipay_cancel.testing.gateway import FakeAlipay

__all__ = ["FakeAlipay", "FakePayment", "Fault", "RecordedCall"]
