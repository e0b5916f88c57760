"""confirm_gateway asks what the documentation leaves open; FakeAlipay.like answers as was told."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import CommandError

from django_alipay_cancel import services
from django_alipay_cancel.confirming.asking import Said
from django_alipay_cancel.confirming.file import to_json
from django_alipay_cancel.confirming.points import POINTS
from django_alipay_cancel.confirming.run import LOOKS
from django_alipay_cancel.models import CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.keys import private_key_text, public_key_text
from tests.confirming.telling import NO_ROWS, REFUSED_PAY, differing, said, words

DOCS = Path(__file__).parents[2] / "docs"
KIND = {"sandbox": True, "in_store": False}
ENTRY = ("assumed", "fake", "said", "unseen")


@NO_ROWS
def test_against_fake_alipay_nothing_differs_and_every_point_is_asked(gateway, confirm):
    gateway.add_payment(payment_request_id="paid-1")
    authorized = gateway.add_payment(payment_request_id="auth-1", status="AUTHORIZED")
    gateway.add_payment(payment_id="refund-1", amount_value=100)
    gateway.misbehave(Fault.RESULT, **REFUSED_PAY)
    told, points = confirm("--paid=paid-1", "--authorized=auth-1", "--refundable=refund-1")
    assert differing(told) == []
    assert "0 points differ from FakeAlipay." in told
    assert "not asked" not in told
    assert len(points) == 20
    assert {tuple(point) for point in points.values()} == {ENTRY}
    assert str(said(points, "second_cancel", "second")) == "S SUCCESS"
    assert str(said(points, "cancel_of_expired", "cancel")) == "F ORDER_STATUS_INVALID"
    assert str(said(points, "unsigned_errors", "wrong signature")) == "F INVALID_SIGNATURE unsigned"
    assert authorized.cancel_effects == 1
    assert not Payment.objects.exists() and not CancellationAttempt.objects.exists()


@NO_ROWS
def test_a_payment_is_given_by_alipays_id_too_and_one_that_is_not_paid_is_left_alone(
    gateway, confirm
):
    paid = gateway.add_payment(payment_id="2026112619401083001001880000001")
    failed = gateway.add_payment(payment_request_id="failed-1", status="FAIL")
    # FakeAlipay would find it by either name of the id.
    gateway.misbehave(
        Fault.RESULT, payment=paid.payment_id, api="inquiryPayment", result_code="ORDER_NOT_EXIST"
    )
    _, points = confirm(f"--paid={paid.payment_id}", "--authorized=failed-1")
    assert said(points, "cancel_of_paid", "after").payment_status == "CANCELLED"
    assert list(points["cancel_of_authorized"]["said"]) == ["before"]
    assert failed.cancel_effects == 0


@NO_ROWS
def test_without_ids_the_points_about_them_are_not_asked(confirm):
    told, points = confirm()
    assert points["cancel_of_paid"]["said"] == {}
    assert told.count("not asked") == 14
    assert "7 points stay open." in told


@NO_ROWS
def test_in_a_store_payments_wait_for_an_order_code_and_are_told_to_the_notify_url(
    gateway, confirm
):
    gateway.misbehave(Fault.RESULT, **REFUSED_PAY)
    confirm("--in-store", "--notify-url=http://127.0.0.1:9/notify")
    made = [each for each in gateway.payments if each.form == "OrderCode"]
    assert made and {each.notify_url for each in made} == {"http://127.0.0.1:9/notify"}


@NO_ROWS
def test_no_id_key_signature_or_client_id_is_printed_or_kept(gateway, confirm):
    gateway.add_payment(payment_request_id="SECRET-PAID-ORDER")
    told, _ = confirm("--paid=SECRET-PAID-ORDER")
    kept = confirm.file.read_text() + told
    keys = gateway.keys
    for secret in (
        "SECRET-PAID-ORDER",
        gateway.client_id,
        private_key_text(keys.merchant)[40:80],
        public_key_text(keys.alipay.public_key())[60:100],
        "confirm-",
        *(call.headers["signature"][-60:] for call in gateway.calls),
    ):
        assert secret not in kept


@NO_ROWS
def test_words_that_are_none_of_the_protocol_are_masked(gateway, confirm):
    gateway.misbehave(
        Fault.RESULT, api="pay", result_code="refused: order confirm-17", result_status="F"
    )
    _, points = confirm()
    assert said(points, "cancel_of_failed", "pay").code == "?"


@NO_ROWS
def test_a_client_id_of_production_is_refused_unless_forced(gateway, confirm):
    production = FakeAlipay(client_id="5X00000000000000")
    with production, pytest.raises(CommandError, match="does not begin with SANDBOX_"):
        confirm(gateway=production)
    assert not production.calls
    with production:
        confirm("--force", gateway=production)
    assert production.calls


@NO_ROWS
def test_a_gateway_that_cannot_be_believed_is_asked_once(gateway, confirm):
    gateway.misbehave(Fault.WRONG_KEY, calls=None)
    with pytest.raises(CommandError, match=r"wrongly signed\. See check_alipay"):
        confirm()
    assert len(gateway.calls) == 1


@NO_ROWS
def test_an_unknown_merchant_and_a_file_that_cannot_be_written_are_named(confirm, tmp_path):
    with pytest.raises(CommandError, match="no dictionary for the merchant 'sandbox2'"):
        confirm("--merchant=sandbox2")
    with pytest.raises(CommandError, match="Is a directory"):
        confirm(f"--output={tmp_path}")


def test_the_documentation_names_every_point_every_key_of_the_file_and_when_it_looks_again():
    points = (DOCS / "explanation" / "not-confirmed.md").read_text()
    assert [point.name for point in POINTS if f"`{point.name}`" not in points] == []
    command = (DOCS / "reference" / "commands.md").read_text()
    keys = [*(each.name for each in fields(Said)), *json.loads(to_json({}, **KIND)), *ENTRY]
    assert [key for key in keys if f"`{key}`" not in command] == []
    *first, last = map(str, LOOKS)
    assert f"after {', '.join(first)} and {last} seconds" in command


# --- a gateway that differs -----------------------------------------------------------------------


@pytest.fixture
def other():
    """A gateway that differs from FakeAlipay in what faults can change for a whole run."""
    gateway = FakeAlipay()
    gateway.change_own_key("7")
    gateway.misbehave(Fault.RESULT, **REFUSED_PAY)
    gateway.misbehave(Fault.CANCELLED_TOLD_AS_F, api="cancel", calls=None)
    gateway.misbehave(Fault.NULL_TRANSACTIONS, calls=None)
    with gateway:
        yield gateway


@NO_ROWS
def test_what_differs_is_marked(other, confirm):
    other.add_payment(payment_request_id="paid-1")
    told, points = confirm("--paid=paid-1", gateway=other)
    assert differing(told) == [
        "second_cancel",
        "inquiry_after_cancel",
        "cancel_of_paid",
        "key_version",
    ]
    assert str(said(points, "second_cancel", "second")) == "F ORDER_IS_CANCELED"
    assert said(points, "inquiry_after_cancel", "unpaid").transactions == "null"
    assert said(points, "key_version", "asked with 1").key_version == "7"
    assert points["second_cancel"]["fake"]["second"] == "S SUCCESS"


@NO_ROWS
def test_a_gateway_made_like_the_other_answers_like_it(other, confirm):
    other.add_payment(payment_request_id="paid-1")
    _, points = confirm("--paid=paid-1", gateway=other)
    with FakeAlipay.like(confirm.file) as like:
        like.add_payment(payment_request_id="paid-1")
        like.misbehave(Fault.RESULT, **REFUSED_PAY)
        told, replayed = confirm("--paid=paid-1", gateway=like)
    assert words(replayed) == words(points)
    for point, step in (("inquiry_after_cancel", "unpaid"), ("cancel_of_paid", "after")):
        assert said(replayed, point, step) == said(points, point, step)
    assert "4 points differ from FakeAlipay." in told


@pytest.mark.django_db(transaction=True)
def test_the_app_stays_right_with_a_gateway_that_is_like_the_other(other, confirm, settings):
    confirm(gateway=other)
    with FakeAlipay.like(confirm.file) as like:
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": like.merchant_settings()}}
        like.add_payment(payment_request_id="order-1", status="CANCELLED")
        payment = services.record_payment(payment_request_id="order-1")
        assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert [call.answered for call in like.calls_for("order-1")] == ["ORDER_IS_CANCELED", "SUCCESS"]
