"""A client we did not write agrees with our gateway, and with our client, on every signature."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from django_alipay_cancel import services
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.keys import private_key_text
from tests.peer.environment import (
    call_with_the_sdk,
    order_for,
    private_key_for_the_sdk,
)

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["SANDBOX_5X00000000000000", "5X00000000000000"])
def gateway(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[FakeAlipay]:
    """A gateway over TLS, once with a client of the sandbox and once with a real one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with FakeAlipay(tls=context, client_id=request.param) as gateway:
        yield gateway


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def sdk(gateway: FakeAlipay, ca_bundle: Path) -> Callable[..., list[dict[str, Any]]]:
    """Make calls with the SDK: pairs of API and payment_request_id."""

    def call(*pairs: tuple[str, str], **changes: Any) -> list[dict[str, Any]]:
        calls = [{"api": api, "payment_request_id": id} for api, id in pairs]
        told = call_with_the_sdk(
            order_for(gateway.merchant_settings(), calls, **changes), ca_bundle
        )
        answers: list[dict[str, Any]] = told["told"]
        return answers

    return call


def test_the_sdk_cancels_and_inquires(gateway: FakeAlipay, sdk: Callable[..., Any]) -> None:
    gateway.add_payment(payment_request_id="paid", payment_id="2026-paid")
    cancelled, inquired = sdk(("cancel", "paid"), ("inquiryPayment", "paid"))
    assert cancelled["answer"]["result"]["resultStatus"] == "S"
    assert cancelled["answer"]["paymentId"] == "2026-paid"
    assert inquired["answer"]["paymentStatus"] == "CANCELLED"
    assert gateway.payment("paid").cancel_effects == 1
    assert [call.answered for call in gateway.calls] == ["SUCCESS", "SUCCESS"]
    sandbox = "sandbox/" if gateway.client_id.startswith("SANDBOX_") else ""
    assert gateway.calls[0].path == f"/ams/{sandbox}api/v1/payments/cancel"


def test_the_sdk_is_refused_with_alipays_codes(
    gateway: FakeAlipay, sdk: Callable[..., Any]
) -> None:
    gateway.add_payment(payment_request_id="transfer", method="bank_transfer")
    refused, unknown = sdk(("cancel", "transfer"), ("inquiryPayment", "never-seen"))
    assert refused["answer"]["result"]["resultCode"] == "PAYMENT_METHOD_NOT_SUPPORTED"
    assert unknown["answer"]["result"]["resultCode"] == "ORDER_NOT_EXIST"
    assert {told["answer"]["result"]["resultStatus"] for told in (refused, unknown)} == {"F"}


@pytest.mark.parametrize("fault", [Fault.WRONG_KEY, Fault.TAMPERED_BODY, Fault.UNSIGNED])
def test_the_sdk_believes_only_what_our_gateway_signed(
    gateway: FakeAlipay, sdk: Callable[..., Any], fault: Fault
) -> None:
    gateway.add_payment(payment_request_id="paid")
    gateway.misbehave(fault, payment="paid")
    first, second = sdk(("cancel", "paid"), ("cancel", "paid"))
    assert "verif" in first["error"] or "signature not exist" in first["error"]
    assert second["answer"]["result"]["resultStatus"] == "S"


def test_our_gateway_believes_only_what_the_merchant_signed(
    gateway: FakeAlipay, sdk: Callable[..., Any]
) -> None:
    gateway.add_payment(payment_request_id="paid")
    (told,) = sdk(
        ("cancel", "paid"),
        private_key=private_key_for_the_sdk(private_key_text(gateway.keys.alipay)),
    )
    # The SDK drops the unsigned answer; its code is known on our side alone.
    assert "signature not exist" in told["error"]
    assert gateway.calls[0].answered == "INVALID_SIGNATURE"
    assert gateway.payment("paid").cancel_effects == 0


def test_the_sdk_does_not_speak_to_a_gateway_it_cannot_trust(
    gateway: FakeAlipay, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    calls = [{"api": "cancel", "payment_request_id": "paid"}]
    (told,) = call_with_the_sdk(order_for(gateway.merchant_settings(), calls), stranger)["told"]
    assert "CERTIFICATE_VERIFY_FAILED" in told["error"]
    assert not gateway.calls


@pytest.mark.django_db(transaction=True)
def test_the_sdk_and_our_client_are_told_the_same(
    gateway: FakeAlipay, sdk: Callable[..., Any], ca_bundle: Path, settings: Any
) -> None:
    merchant = {**gateway.merchant_settings(), "CA_BUNDLE": str(ca_bundle)}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": merchant}}
    gateway.add_payment(payment_request_id="paid", payment_id="2026-paid")
    ours = services.cancel_payment(services.record_payment(payment_request_id="paid"))
    (theirs,) = sdk(("cancel", "paid"))
    assert ours.status == "SUCCEEDED"
    cancel_time = gateway.payment("paid").cancel_time
    assert ours.attempts.get().cancel_time == cancel_time
    assert theirs["answer"]["cancelTime"] == cancel_time.isoformat()
    assert gateway.payment("paid").cancel_effects == 1
