"""The same run against FakeAlipay, in this process, for comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import requests

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.confirming.run import Run
from django_alipay_cancel.testing import FakeAlipay, Fault


def beside(run: Run) -> Run:
    """Return ``run`` as it is made against a FakeAlipay that knows its payments.

    The one refund of ``run`` is made first: whether it takes time is up to the payment's method, so
    that FakeAlipay's takes time if the gateway's did. Its payment is too old to be cancelled.
    """
    fake = FakeAlipay(client_id=run.client.credentials.client_id)
    fake.misbehave(Fault.RESULT, api="pay", result_code="INVALID_PAYMENT_CODE", result_status="F")
    if run.paid:
        fake.add_payment(payment_request_id=run.paid)
    if run.refundable:
        fake.add_payment(
            payment_id=run.refundable,
            amount_value=100,
            paid_at=fake.now - timedelta(days=2),
            refunds_take_time=run.refunding.is_in_process,
        )
    if run.authorized:
        fake.add_payment(payment_request_id=run.authorized, status="AUTHORIZED")
    credentials = Credentials(
        client_id=fake.client_id,
        private_key=fake.keys.merchant,
        alipay_public_keys=(("1", fake.keys.alipay.public_key()),),
        gateway_url=fake.url,
    )
    session = requests.Session()
    session.mount(fake.url, fake.adapter())
    client = AlipayClient(credentials, session=session)
    # Nobody is told of these payments.
    return replace(run, client=client, sleep=fake.advance, now=lambda: fake.now, notify_url="")
