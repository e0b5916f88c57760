"""What others wrote: escaped on every page, and unable to forge a line of log."""

from __future__ import annotations

import html
import logging
from dataclasses import replace

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, confirmation_of, page_of, route
from tests.trust.test_notifications import message, post

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}{% now %}"
SHORT_EVIL = "<b onclick='x'>\"&"
BREAKS = "\r\nERROR forged\x0b\x0c\x1b[2J\x85\u2028\u2029ERROR forged\x00"


@pytest.fixture
def says(gateway):
    """Let the gateway's answers and their headers say these things."""

    def say(**headers):
        handle = gateway.handle

        def with_headers(request):
            delivery = handle(request)
            return replace(delivery, headers={**delivery.headers, **headers})

        gateway.handle = with_headers

    return say


def pages(client, payment):
    """Every page that shows something of a payment, before and after."""
    yield client.get(f"{ADMIN}payment/")
    yield client.get(f"{ADMIN}payment/", {"q": EVIL})
    yield client.get(f"{ADMIN}cancellation/")
    yield client.get(page_of(payment))
    yield client.get(confirmation_of(payment))
    yield client.get(route(payment, "history"))
    for cancellation in Cancellation.objects.filter(payment=payment):
        yield client.get(page_of(cancellation))
        yield client.get(route(cancellation, "close"))


def evil_payment(pay):
    return services.record_payment(
        payment_request_id=SHORT_EVIL,
        payment_id=f"{SHORT_EVIL}2",
        reference=EVIL,
        merchant="default",
    )


@pytest.mark.parametrize("end", ["in review", "http error"])
def test_what_others_wrote_is_escaped_on_every_page(gateway, pay, says, admin_client, end):
    payment = evil_payment(pay)
    says(tracerid=f"{SHORT_EVIL}trace")
    if end == "in review":
        gateway.misbehave(Fault.RESULT, result_code=SHORT_EVIL, result_status="U", calls=None)
    else:
        gateway.misbehave(Fault.HTTP_STATUS, status=500, body=EVIL, calls=None)
    cancellation = services.cancel_payment(payment, reason=EVIL, requested_by=EVIL)
    if end == "in review":
        Cancellation.objects.filter(pk=cancellation.pk).update(status="NEEDS_REVIEW")
    admin_client.post(confirmation_of(payment), {"reason": EVIL})
    admin_client.post(route(payment, "refresh"))
    cancellation.refresh_from_db()
    if cancellation.status == "NEEDS_REVIEW":
        form = {"cancelled": "no", "note": EVIL}
        admin_client.post(route(cancellation, "close"), form)
    shown = 0
    for page in pages(admin_client, payment):
        body = page.content.decode()
        for evil in (EVIL, SHORT_EVIL, "<script>alert", "<img src=x", "<b onclick"):
            assert evil not in body, page.request["PATH_INFO"]
        assert "{{7*7}}" in body or "49" not in body
        shown += html.escape("<script>alert(1)") in body
    assert shown >= 5, "the evil text was on too few pages to say anything"


def test_over_rest_everything_is_json_and_said_to_be_json(gateway, pay, admin_client):
    payment = evil_payment(pay)
    services.cancel_payment(payment, reason=EVIL, requested_by=EVIL)
    for address in (
        "/alipay/payments/",
        f"/alipay/payments/{payment.pk}/",
        f"/alipay/payments/{payment.pk}/cancellations/",
        f"/alipay/payments/?{EVIL}=1",
        f"/alipay/payments/{SHORT_EVIL}/",
    ):
        response = admin_client.get(address, headers={"accept": "text/html,*/*"})
        assert response["Content-Type"] == "application/json", address
        assert response["X-Content-Type-Options"] == "nosniff"
        response.json()


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        (Fault.RESULT, {"result_code": BREAKS, "result_status": "F"}),
        (Fault.RESULT, {"result_code": BREAKS, "result_status": "U"}),
        (Fault.RESULT, {"result_code": BREAKS, "result_status": "F", "signed": False}),
        (Fault.HTTP_STATUS, {"status": 502, "body": BREAKS}),
        (Fault.NOT_JSON, {"body": BREAKS}),
    ],
)
def test_no_line_of_log_can_be_forged(gateway, pay, caplog, admin_client, fault, options):
    caplog.set_level(logging.DEBUG)
    payment = pay(amount_value=5, amount_currency="USD")
    gateway.misbehave(fault, calls=None, **options)
    for ask in (
        lambda: services.cancel_payment(
            payment, reason="a\nERROR forged", requested_by=f"ann{BREAKS}"
        ),
        lambda: services.refresh_payment(payment),
        lambda: services.process_due_cancellations(),
        lambda: admin_client.post(confirmation_of(payment), {"reason": "b\nERROR forged"}),
        lambda: admin_client.post(f"/alipay/payments/{payment.pk}/refresh/"),
        lambda: post(*message(gateway, payment.payment_id, notifyType=BREAKS, result=BREAKS)),
    ):
        ask()
    ours = [record for record in caplog.records if record.name.startswith("django_alipay_cancel")]
    assert len(ours) >= 3
    for record in ours:
        line = record.getMessage()
        assert len(line.splitlines()) == 1, ascii(line)
        assert line.isprintable(), ascii(line)
