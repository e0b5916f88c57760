"""The turn from cancel to refund, and every refund after it: the attempt of the call to make."""

from __future__ import annotations

from datetime import datetime

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.refunds import refund_body
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import finish


def turned(
    payment: Payment, cancellation: Cancellation, shown: Answer | None, token: datetime
) -> str:
    """Turn the claimed wish to a refund over what the inquiry just showed; return its body.

    In the commit that opens the refund: amount, id and body are never anything else afterwards. ""
    when the wish has turned already, or its claim is lost, as the opening finds.
    """
    if cancellation.refunds:
        return ""
    assert shown is not None and shown.refund is not None  # by the rule, which wants it just asked
    value, currency = shown.refund.amount_value, shown.refund.amount_currency
    assert value is not None  # by what the inquiry lets us say
    if not finish.begin_refund(payment, cancellation, value, currency, token=token):
        return ""
    return refund_body(
        refund_request_id=cancellation.refund_request_id,
        payment_id=shown.payment_id or payment.payment_id or "",
        value=value,
        currency=currency,
        notify_url=settings.REFUND_NOTIFY_URL,
    )
