"""Cancel while that is possible, else refund in full: what the rows and Alipay say at the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _refunds_are_on(gateway, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}


@pytest.fixture
def late(gateway, pay):
    """Make a payment whose window is over."""

    def make(name="order-1", **options):
        payment = pay(name, **options)
        gateway.payment(f"request-{name}").paid_at = gateway.now - timedelta(days=3)
        return payment

    return make


def work():
    """Let everything fall due, and carry it out."""
    Cancellation.objects.filter(status__in=Cancellation.OPEN).update(next_attempt_at=timezone.now())
    services.process_due_cancellations()


def kinds(payment):
    return list(payment.attempts.order_by("pk").values_list("kind", flat=True))


def test_what_can_still_be_cancelled_is_never_refunded(gateway, pay):
    payment = pay()
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert (cancellation.status, payment.status) == ("SUCCEEDED", "CANCELLED")
    assert not gateway.payment("request-order-1").refunds


def test_after_the_window_it_is_refunded_in_full_in_four_calls(gateway, late):
    payment, told = late(), []
    signals.cancellation_refunded.connect(
        lambda sender, cancellation, payment, **_: told.append(payment.status), weak=False
    )
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert (cancellation.status, payment.status) == ("REFUNDED", "REFUNDED")
    assert kinds(payment) == ["cancel", "inquiry", "refund", "refund_inquiry"]
    (refund,) = gateway.payment("request-order-1").refunds
    assert (refund.value, refund.request_id) == (1250, cancellation.pk.hex)
    cancellation.refresh_from_db()
    assert (cancellation.refund_id, cancellation.refund_amount) == (refund.id, "12.50 USD")
    assert abs(payment.refunded_at - storable(refund.at)) < timedelta(seconds=1)
    assert told == ["REFUNDED"]


def test_without_or_refund_it_is_rejected_as_ever(gateway, late):
    payment = late()
    assert services.cancel_payment(payment).next_step == "REFUND"
    assert rows(payment)["cancellations"] == [("REJECTED", "CANCEL_WINDOW_EXCEED", "", "REFUND")]
    assert payment.status == "SUCCESS"
    # "Refund in full" is a wish of its own: cancelled if that should be possible after all.
    again = services.cancel_payment(payment, or_refund=True)
    assert again.status == "REFUNDED"


def test_switched_off_it_is_refused_before_any_row(gateway, pay, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}
    payment = pay()
    for ask in (services.cancel_payment, services.request_cancellation):
        with pytest.raises(ImproperlyConfigured, match="REFUNDS"):
            ask(payment, or_refund=True)
    with pytest.raises(ImproperlyConfigured, match="REFUNDS"):
        services.request_cancellations([payment], or_refund=True)
    assert not Cancellation.objects.exists()


@pytest.mark.parametrize("wish", ["yes", 1, None])
def test_or_refund_is_true_or_false(gateway, pay, wish):
    with pytest.raises(ValidationError):
        services.cancel_payment(pay(), or_refund=wish)


def test_switched_off_mid_way_no_wish_turns_and_one_that_has_goes_on(gateway, late, settings):
    waiting, turned = late("waiting"), late("turned")
    gateway.payment("request-turned").refunds_take_time = True
    services.request_cancellation(waiting, or_refund=True)
    services.cancel_payment(turned, or_refund=True)
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}
    gateway.refund_settles("request-turned")
    work()
    assert rows(waiting)["cancellations"][0][::3] == ("REJECTED", "REFUND")
    assert rows(turned)["payment"] == "REFUNDED"


def test_an_asynchronous_refund_is_waited_for(gateway, late):
    payment = late()
    gateway.payment("request-order-1").refunds_take_time = True
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert (cancellation.status, payment.status) == ("PENDING", "REFUNDING")
    work()
    assert rows(payment)["payment"] == "REFUNDING"
    gateway.refund_settles("request-order-1")
    work()
    assert rows(payment)["payment"] == "REFUNDED"
    assert kinds(payment).count("refund") == 1


def test_one_that_fails_leaves_the_payment_as_it_was(gateway, late):
    payment = late()
    gateway.payment("request-order-1").refunds_take_time = True
    services.cancel_payment(payment, or_refund=True)
    gateway.refund_settles("request-order-1", status="FAIL")
    work()
    stored = rows(payment)
    assert (stored["payment"], stored["cancellations"][0][0]) == ("SUCCESS", "REJECTED")
    assert services.cancel_payment(payment, or_refund=True).status == "PENDING", "a new id"


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("MERCHANT_BALANCE_NOT_ENOUGH", "TOP_UP_BALANCE"),
        ("PAYMENT_METHOD_NOT_SUPPORTED", "CONTACT_ALIPAY"),
        ("REFUND_AMOUNT_EXCEED", "CHECK_REFUNDS"),
        ("ORDER_IS_CANCELED", "CHECK_ORDER_STATUS"),
        ("A_CODE_OF_NEXT_YEAR", "CONTACT_ALIPAY"),
    ],
)
def test_a_refusal_is_believed_once_two_inquiries_agree(gateway, late, code, step):
    payment = late()
    gateway.misbehave(Fault.RESULT, api="refund", result_code=code, result_status="F")
    services.cancel_payment(payment, or_refund=True)
    work()
    stored = rows(payment)
    assert stored["cancellations"] == [("REJECTED", code, "", step)]
    assert stored["payment"] == "SUCCESS"
    assert kinds(payment) == ["cancel", "inquiry", "refund", "refund_inquiry", "inquiry"]


def test_a_refusal_of_what_took_effect_is_not_believed(gateway, late):
    payment = late()
    gateway.misbehave(
        Fault.RESULT, api="refund", result_code="REFUND_AMOUNT_EXCEED", result_status="F",
        applied=True,
    )  # fmt: skip
    assert services.cancel_payment(payment, or_refund=True).status == "REFUNDED"


@pytest.mark.parametrize("fault", [f for f in Fault if f not in (
    Fault.LARGE_BODY, Fault.SLOW_BODY, Fault.SLOW_HEADERS, Fault.SILENT_AFTER, Fault.SILENT_BEFORE,
    Fault.RESULT, Fault.INQUIRY_LAGS, Fault.NULL_TRANSACTIONS, Fault.CANCEL_AS_TRANSACTION,
    Fault.CANCEL_UNDER_WAY, Fault.REFUNDS_LAG, Fault.CANCELLED_TOLD_AS_F, Fault.REFUND_AS_NULLS,
)])  # fmt: skip
@pytest.mark.parametrize("api", ["refund", "inquiryRefund"])
def test_after_every_fault_it_is_refunded_once_or_a_person_is_told(gateway, late, api, fault):
    payment = late()
    options = {"seconds": 0} if fault is Fault.EFFECT_LATER else {}
    gateway.misbehave(fault, api=api, **options)
    services.cancel_payment(payment, or_refund=True)
    for _ in range(4):
        work()
    ended = rows(payment)
    assert len(gateway.payment("request-order-1").refunds) <= 1
    if ended["payment"] == "REFUNDED":
        assert gateway.payment("request-order-1").refunded_value == 1250
    else:  # a gateway that throttles is left in peace
        waits = "PENDING" if fault is Fault.THROTTLED else "NEEDS_REVIEW"
        assert ended["cancellations"][0][0] == waits


@pytest.mark.parametrize(
    ("refunded", "status", "ended", "step"),
    [
        (None, "SUCCESS", "REFUNDED", "NONE"),
        (None, "PROCESSING", "PENDING", "WAIT"),
        (400, "SUCCESS", "REJECTED", "CHECK_REFUNDS"),
        (400, "PROCESSING", "REJECTED", "CHECK_REFUNDS"),
    ],
)
def test_what_was_refunded_elsewhere_is_not_refunded_again(
    gateway, late, refunded, status, ended, step
):
    payment = late()
    gateway.refund_elsewhere("request-order-1", refunded, status=status)
    services.cancel_payment(payment, or_refund=True)
    (row,) = rows(payment)["cancellations"]
    assert (row[0], row[3]) == (ended, step)
    assert len(gateway.payment("request-order-1").refunds) == 1


@pytest.mark.parametrize(
    ("amount_value", "amount_currency"), [(1300, "USD"), (1250, "EUR"), (0, "USD")]
)
def test_an_amount_that_contradicts_ours_is_looked_at_by_a_person(
    gateway, late, amount_value, amount_currency
):
    payment = late()
    far = gateway.payment("request-order-1")
    far.amount_value, far.amount_currency = amount_value, amount_currency
    assert services.cancel_payment(payment, or_refund=True).status == "NEEDS_REVIEW"
    assert not far.refunds


def test_an_import_by_id_is_refunded_over_what_the_inquiry_shows(gateway, late):
    payment = late()
    Payment.objects.filter(pk=payment.pk).update(
        amount_value=None, amount_currency="", payment_id=None
    )
    payment = Payment.objects.get()
    assert services.cancel_payment(payment, or_refund=True).status == "REFUNDED"
    assert gateway.payment("request-order-1").refunds[0].value == 1250


def test_what_is_only_held_is_never_refunded(gateway, late):
    payment = late(status="AUTHORIZED", method="card")
    gateway.payment("request-order-1").paid_at = gateway.now
    gateway.misbehave(
        Fault.RESULT, api="cancel", result_code="CANCEL_WINDOW_EXCEED", result_status="F"
    )
    assert services.cancel_payment(payment, or_refund=True).next_step == "RELEASE_OR_CAPTURE"
    assert "refund" not in kinds(payment)


def test_a_lost_cancel_is_waited_out_before_the_turn(gateway, late, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "QUIET_PERIOD": 60, "RETRY_DELAYS": (1, 1)}
    payment = late()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    services.cancel_payment(payment, or_refund=True)
    work()
    assert "refund" not in kinds(payment), "the first cancel may still take effect"
    CancellationAttempt.objects.update(
        sent_at=timezone.now() - timedelta(seconds=90),
        finished_at=timezone.now() - timedelta(seconds=80),
    )
    work()
    assert rows(payment)["payment"] == "REFUNDED"


def test_joining_an_open_wish_raises_it_and_never_back(gateway, late):
    payment = late()
    first = services.request_cancellation(payment)
    second = services.request_cancellation(payment, or_refund=True)
    assert (second.pk, second.or_refund) == (first.pk, True)
    assert services.request_cancellation(payment).or_refund
    work()
    assert rows(payment)["payment"] == "REFUNDED"


def test_joining_many_raises_those_that_are_open(gateway, late):
    payments = [late(f"order-{n}") for n in range(3)]
    services.request_cancellation(payments[0])
    report = services.request_cancellations(payments, or_refund=True)
    assert (report.requested, report.already_open) == (2, 1)
    assert Cancellation.objects.filter(or_refund=True).count() == 3


def test_an_earlier_refund_is_looked_up_where_rows_are_written(gateway, late, replica):
    payment = late()
    cancellation = in_review(gateway, payment)
    services.close_cancellation(cancellation, cancelled=False, closed_by="Li", note="they say so")
    payment.refresh_from_db()
    with replica():
        assert services.cancel_payment(payment).status == "REFUNDED"


def test_check_now_asks_and_never_sends(gateway, late):
    payment = late()
    services.request_cancellation(payment, or_refund=True)
    services.refresh_payment(payment, requested_by="Li")
    assert kinds(payment) == ["inquiry"]
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="refund", calls=None)
    work()
    services.refresh_payment(payment, requested_by="Li")
    assert kinds(payment)[-1] == "inquiry"
    assert payment.status == "REFUNDING"


def in_review(gateway, payment):
    gateway.misbehave(Fault.OTHER_IDS, api="refund", applied=True)
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert cancellation.status == "NEEDS_REVIEW"
    return cancellation


@pytest.mark.parametrize(
    ("answers", "ended"),
    [
        ({"cancelled": True}, ("SUCCEEDED", "CANCELLED")),
        ({"cancelled": False, "refunded": True}, ("REFUNDED", "REFUNDED")),
        ({"cancelled": False}, ("REJECTED", "SUCCESS")),
    ],
)
def test_closing_by_hand_has_three_answers(gateway, late, answers, ended):
    payment = late()
    cancellation = in_review(gateway, payment)
    services.close_cancellation(cancellation, closed_by="Li", note="support said so", **answers)
    payment.refresh_from_db()
    assert (cancellation.status, payment.status) == ended


def test_neither_is_refused_while_a_refund_may_take_effect(gateway, late, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "QUIET_PERIOD": 60}
    cancellation = in_review(gateway, late())
    with pytest.raises(services.MayStillTakeEffect):
        services.close_cancellation(cancellation, cancelled=False, closed_by="Li", note="so")


def test_a_new_wish_first_asks_about_a_refund_that_was_closed_in_doubt(gateway, late):
    payment = late()
    cancellation = in_review(gateway, payment)
    services.close_cancellation(cancellation, cancelled=False, closed_by="Li", note="they say so")
    payment.refresh_from_db()
    again = services.cancel_payment(payment)
    assert (again.status, kinds(payment)[-1]) == ("REFUNDED", "refund_inquiry")
    assert len(gateway.payment("request-order-1").refunds) == 1


def cancel_in_review(gateway, late, clock):
    """A wish that says "or refund" and is in review before it could turn."""
    payment = late(method="card")
    gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=10)
    gateway.misbehave(Fault.OTHER_IDS, api="cancel")
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert (cancellation.status, cancellation.means) == ("NEEDS_REVIEW", "cancel")
    clock.shift(3700)
    return cancellation


def test_in_review_no_wish_turns_and_a_person_decides(gateway, late, clock):
    cancellation = cancel_in_review(gateway, late, clock)
    services.process_due_cancellations()  # the one cancel more of a wish in review
    clock.shift(3700)
    services.process_due_cancellations()
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.next_step) == ("REJECTED", "REFUND")
    assert "refund" not in kinds(cancellation.payment)
    assert services.cancel_payment(cancellation.payment, or_refund=True).status == "REFUNDED"


def test_asked_again_it_may_turn(gateway, late, clock):
    cancellation = cancel_in_review(gateway, late, clock)
    services.retry_cancellation(cancellation, requested_by="Li")
    services.process_due_cancellations()
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.means) == ("REFUNDED", "refund")


def test_asking_again_is_the_same_refund(gateway, late):
    payment = late()
    gateway.misbehave(Fault.OTHER_IDS, api="refund")
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert cancellation.status == "NEEDS_REVIEW"
    services.retry_cancellation(cancellation, requested_by="Li")
    work()
    work()
    assert rows(payment)["payment"] == "REFUNDED"
    bodies = set(payment.attempts.filter(kind="refund").values_list("request_body", flat=True))
    assert len(bodies) == 1


def test_what_turns_out_cancelled_is_cancelled(gateway, late):
    payment = late()
    far = gateway.payment("request-order-1")
    gateway.before_answer = lambda call: (
        setattr(far, "status", "CANCELLED") if call.api == "inquiryPayment" else None
    )
    services.cancel_payment(payment, or_refund=True)
    work()
    assert (rows(payment)["payment"], far.refunds) == ("CANCELLED", [])


def test_a_refund_for_which_nothing_is_sent_for_a_day_goes_to_a_person(gateway, late):
    payment = late()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="refund", calls=None)
    services.cancel_payment(payment, or_refund=True)
    for _ in range(14):
        work()
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
    assert not gateway.payment("request-order-1").refunds


def test_one_under_way_for_a_fortnight_goes_to_a_person(gateway, late):
    payment = late()
    gateway.payment("request-order-1").refunds_take_time = True
    services.cancel_payment(payment, or_refund=True)
    for _ in range(14):
        work()
    assert rows(payment)["cancellations"][0][0] == "PENDING", "longer than the delays"
    old = timezone.now() - timedelta(days=15)
    CancellationAttempt.objects.update(sent_at=old, finished_at=old)
    Cancellation.objects.update(asked_at=old)
    work()
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
    gateway.refund_settles("request-order-1")
    work()
    assert rows(payment)["payment"] == "REFUNDED"


def test_a_cancel_that_says_s_after_the_refund_keeps_both_facts_and_is_an_error(
    gateway, late, caplog
):
    from django_alipay_cancel.services import finish

    payment = late()
    cancellation = services.cancel_payment(payment, or_refund=True)
    at = timezone.now()
    finish.succeed(payment, cancellation, code="SUCCESS", message="", cancel_time=at)
    payment.refresh_from_db()
    assert (payment.status, payment.cancelled_at) == ("REFUNDED", at)
    assert any(record.levelname == "ERROR" for record in caplog.records)


PATH = "/alipay/notify/"


def notify(gateway, **changes):
    headers, body = gateway.refund_notification("request-order-1", path=PATH)
    for old, new in changes.items():
        body = body.replace(old.encode(), new.encode())
    notification = services.verify_notification(headers=headers, body=body, path=PATH)
    return services.record_notification(notification)


def test_a_notification_only_lets_the_refund_be_asked_about(gateway, late):
    payment = late()
    gateway.payment("request-order-1").refunds_take_time = True
    cancellation = services.cancel_payment(payment, or_refund=True)
    later = timezone.now() + timedelta(hours=1)
    Cancellation.objects.update(next_attempt_at=later)
    gateway.refund_settles("request-order-1")
    assert notify(gateway) == payment
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.next_attempt_at < later) == ("PENDING", True)
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "REFUNDED"
    assert notify(gateway) == payment, "replayed"
    assert rows(payment)["payment"] == "REFUNDED"


def test_a_notification_that_alipay_did_not_sign_wakes_nobody(gateway, late):
    payment = late()
    services.cancel_payment(payment, or_refund=True)
    with pytest.raises(services.NotificationNotVerified):
        notify(gateway, SUCCESS="FAIL")


def test_a_notification_of_a_refund_made_elsewhere_is_passed_on(gateway, late):
    late()
    gateway.refund_elsewhere("request-order-1")
    told = []

    def receive(sender, notification, payment, **_):
        told.append((notification.refund_request_id, payment))

    signals.notification_received.connect(receive)
    assert notify(gateway) is None
    signals.notification_received.disconnect(receive)
    assert [payment for _, payment in told] == [None]


def test_the_address_for_its_notification_is_sent_along(gateway, late, settings):
    settings.ALIPAY_CANCEL = {
        **settings.ALIPAY_CANCEL,
        "REFUND_NOTIFY_URL": "https://shop.example/alipay/notify/",
    }
    payment = late()
    services.cancel_payment(payment, or_refund=True)
    body = payment.attempts.get(kind="refund").request_body
    assert '"refundNotifyUrl":"https://shop.example/alipay/notify/"' in body
    assert "merchantAccountId" not in body


def test_what_was_refunded_is_counted_as_worked_on_and_said():
    report = services.ProcessReport(succeeded=1, refunded=2)
    assert report.processed == 3
    assert str(report).endswith("0 errors. Refunded instead: 2.")
