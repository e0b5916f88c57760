"""What the tests of trust share: payments known to both sides."""

from __future__ import annotations

import pytest

from django_alipay_cancel import services


@pytest.fixture
def pay(gateway):
    """Make a payment known to the gateway and recorded by the shop."""

    def make(name="order-1", status="PROCESSING", **facts):
        gateway.add_payment(
            payment_request_id=f"request-{name}", payment_id=f"payment-{name}", status=status
        )
        return services.record_payment(
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            reference=name,
            **facts,
        )

    return make
