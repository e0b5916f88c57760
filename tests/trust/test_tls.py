"""Servers that are not who they say: nothing is sent, and the log says which of it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from django_alipay_cancel import services
from django_alipay_cancel.models import CancellationAttempt
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.keys import new_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(tmp_path):
    """An authority of the test's own, and the file that trusts it."""
    authority = trustme.CA()
    authority.bundle = str(tmp_path / "authority.pem")
    authority.cert_pem.write_to_path(authority.bundle)
    return authority


def issued_by(authority, host="127.0.0.1", **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, **options).configure_cert(context)
    return context


def self_signed(tmp_path):
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "self_signed.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(encoding, form, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong host name", "certificate is not valid for '127.0.0.1'"),
        ("expired", "certificate has expired"),
        ("self-signed", "self-signed certificate"),
        ("unknown authority", "unable to get local issuer certificate"),
    ],
)
def test_a_server_that_is_not_who_it_says_gets_nothing(
    settings, authority, tmp_path, caplog, kind, reason
):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    tls = {
        "wrong host name": lambda: issued_by(authority, "elsewhere.example"),
        "expired": lambda: issued_by(authority, not_after=yesterday),
        "self-signed": lambda: self_signed(tmp_path),
        "unknown authority": lambda: issued_by(trustme.CA()),
    }[kind]()
    with FakeAlipay(tls=tls) as gateway:
        entry = gateway.merchant_settings() | {"CA_BUNDLE": authority.bundle}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        payment = services.record_payment(payment_request_id="order-1")
        cancellation = services.cancel_payment(payment)
        assert not gateway.calls
    attempt = CancellationAttempt.objects.get()
    assert (attempt.outcome, attempt.error) == ("NOT_SENT", "tls_failed")
    assert (cancellation.status, cancellation.next_step) == ("PENDING", "FIX_CONFIGURATION")
    assert cancellation.repeats == 0, "no delay is used up"
    assert reason in caplog.text


def test_a_server_that_resets_after_reading_is_unknown_and_never_not_sent(settings, authority):
    with FakeAlipay(tls=issued_by(authority)) as gateway:
        gateway.add_payment(payment_request_id="order-1")
        entry = gateway.merchant_settings() | {"CA_BUNDLE": authority.bundle}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        gateway.misbehave(Fault.RESET, applied=True)
        payment = services.record_payment(payment_request_id="order-1")
        cancellation = services.cancel_payment(payment)
        assert gateway.payment("order-1").status == "CANCELLED", "it had been read, and done"
    attempt = CancellationAttempt.objects.get()
    assert (attempt.outcome, attempt.error) == ("UNKNOWN", "connection_lost")
    assert cancellation.status == "PENDING"


def test_a_server_that_is_who_it_says_is_believed(settings, authority):
    with FakeAlipay(tls=issued_by(authority)) as gateway:
        gateway.add_payment(payment_request_id="order-1")
        entry = gateway.merchant_settings() | {"CA_BUNDLE": authority.bundle}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        payment = services.record_payment(payment_request_id="order-1")
        assert services.cancel_payment(payment).status == "SUCCEEDED"
