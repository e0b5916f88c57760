"""A box that nobody ticks by accident: refund all of it when it can no longer be cancelled."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied

from django_alipay_cancel import services
from django_alipay_cancel.admin.run_action import FEW
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, cancel, confirmation_of, page_of, route, rows, text, told

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/django_alipay_cancel/cancellation/"
BOX = "If it can no longer be cancelled, refund all of it"


@pytest.fixture
def refunds(settings, gateway):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}


@pytest.fixture
def late(gateway, pay):
    payment = pay()
    gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=3)
    return payment


@pytest.fixture
def cashier(staff):
    """A client of somebody who may cancel and refund."""
    return staff("cashier", "cancel_payment", "refund_payment", "close_cancellation")


def test_switched_off_there_is_no_box_and_no_status_to_filter_by(operator, late):
    assert BOX not in text(operator.get(confirmation_of(late)))
    shown = operator.get("/admin/django_alipay_cancel/payment/").content.decode()
    assert "REFUND" not in shown
    operator.post(confirmation_of(late), {"or_refund": "on"})
    assert Cancellation.objects.get().status == "REJECTED"


def test_switched_off_no_page_says_a_word_of_refunds(operator, pay, in_review):
    payment, reviewed = pay("plain"), in_review("reviewed")
    cancellation = services.cancel_payment(payment)
    shown = (payment, cancellation, reviewed, reviewed.payment)
    pages = [*map(page_of, shown), confirmation_of(pay("other")), route(reviewed, "close")]
    for page in [*pages, ADMIN, f"{ADMIN}payment/"]:
        lines = text(operator.get(page)).lower().splitlines()
        said = [line for line in lines if "refund" in line]
        # What the app has always said of an open cancellation.
        assert all("do not refund" in line for line in said), (page, said)
    export = b"".join(operator.get(f"{ADMIN}cancellation/export/").streaming_content).decode()
    columns = export.splitlines()[0].split(",")
    assert [column for column in columns if "refund" in column] == ["refund_url"]
    assert "means" not in columns


def test_the_box_is_for_those_who_may_refund_and_not_ticked(refunds, clerk, cashier, late):
    assert BOX not in text(clerk.get(confirmation_of(late)))
    response = cashier.get(confirmation_of(late))
    assert BOX in text(response)
    assert "12.50 USD" in text(response)
    assert "exchange rate" in text(response)
    assert 'name="or_refund"' in response.content.decode()
    assert "checked" not in response.content.decode().partition('name="or_refund"')[2][:80]


def test_ticked_it_is_refunded_and_without_it_is_not(refunds, clerk, cashier, late, gateway):
    clerk.post(confirmation_of(late), {"or_refund": "on"})
    assert Cancellation.objects.get().next_step == "REFUND"
    page = cashier.get(page_of(late))
    assert "Refund in full" in text(page)
    assert "Refund in full" not in text(clerk.get(page_of(late)))
    cashier.post(confirmation_of(late), {"or_refund": "on"})
    late.refresh_from_db()
    assert (late.status, gateway.payment("request-order-1").refunded_value) == ("REFUNDED", 1250)
    assert "all of it was refunded" in text(cashier.get(page_of(late)))


def test_closing_by_hand_has_three_answers(refunds, cashier, late, gateway):
    gateway.misbehave(Fault.OTHER_IDS, api="refund")
    cancellation = services.cancel_payment(late, or_refund=True)
    assert cancellation.status == "NEEDS_REVIEW"
    assert "It is refunded in full" in text(cashier.get(route(cancellation, "close")))
    answer = {"cancelled": "refunded", "note": "support said so"}
    cashier.post(route(cancellation, "close"), answer)
    late.refresh_from_db()
    assert late.status == "REFUNDED"


def test_without_or_refund_it_has_two(refunds, cashier, pay, gateway):
    gateway.misbehave(Fault.OTHER_IDS, api="cancel")
    cancellation = services.cancel_payment(pay())
    assert "It is refunded in full" not in text(cashier.get(route(cancellation, "close")))


def test_a_refund_that_alipay_refused_needs_me(refunds, operator, late, gateway):
    gateway.balance_is_enough = False
    services.cancel_payment(late, or_refund=True)
    Cancellation.objects.filter(status="PENDING").update(next_attempt_at=late.created_at)
    services.process_due_cancellations()
    assert Cancellation.objects.get().next_step == "TOP_UP_BALANCE"
    listed = operator.get("/admin/django_alipay_cancel/cancellation/")
    assert "Top up" in text(listed)
    link = re.search(r'<a href="([^"]*)">All refunds that Alipay refused</a>', text(listed))[1]
    assert rows(text(operator.get(f"{LIST}{link}"))) == ["order-1"]
    cancel(operator, late)  # without the box it is only cancelled
    assert "refund" not in late.attempts.order_by("pk").last().kind


@pytest.fixture
def waits(late, gateway):
    """A refund that Alipay is carrying out."""
    gateway.payment("request-order-1").refunds_take_time = True
    services.cancel_payment(late, or_refund=True)
    return late


def overview_of(client):
    page = text(client.get(LIST))
    return re.search(r'<section class="module alipay-overview".*?</section>', page, re.DOTALL)[0]


def number_behind(client, sentence):
    """The number in the overview, and the payments behind its link."""
    link, number = re.search(
        rf'<a href="([^"]*)">{sentence}: <strong>(\d+)</strong></a>', overview_of(client)
    ).groups()
    return int(number), rows(text(client.get(f"{LIST}{link}")))


def test_the_overview_tells_what_is_being_refunded_and_what_was(
    refunds, operator, pay, waits, gateway
):
    pay("order-2")
    services.cancel_payment(pay("order-3"))
    services.request_cancellation(pay("order-4"))
    assert number_behind(operator, "Of these being refunded") == (1, ["order-1"])
    assert number_behind(operator, "Refunded instead in the last 30 days") == (0, [])
    assert "which may take days" in text(operator.get(LIST))
    gateway.refund_settles("request-order-1")
    services.refresh_payment(waits)
    waits.refresh_from_db()
    assert waits.status == "REFUNDED"
    assert number_behind(operator, "Of these being refunded") == (0, [])
    assert number_behind(operator, "Refunded instead in the last 30 days") == (1, ["order-1"])
    page = overview_of(operator)
    bars = re.findall(
        r'<rect class="alipay-(\w+)" x="291" y="(\d+)" width="8" height="(\d+)"', page
    )
    assert bars == [("succeeded", "20", "20"), ("refunded", "0", "20")]
    assert "1 0 1" in " ".join(re.sub("<[^>]*>", " ", page).split())


def test_switched_off_the_overview_says_nothing_of_refunds(operator, pay):
    services.cancel_payment(pay())
    page = text(operator.get(LIST))
    sections = re.findall(r'<section class="module alipay-.*?</section>', page, re.DOTALL)
    assert ("alipay-morning" in sections[0], "alipay-overview" in sections[1]) == (True, True)
    assert "refund" not in "".join(sections).lower()


def test_what_was_refunded_says_how_much_and_by_which_ids(refunds, operator, waits, gateway):
    cancellation = waits.cancellations.get()
    for page in (waits, cancellation):
        shown = " ".join(re.sub("<[^>]*>", " ", text(operator.get(page_of(page)))).split())
        assert "Amount of the refund 12.50 USD" in shown
        assert f"Refund request ID {cancellation.pk.hex}" in shown
        assert f"Refund ID {cancellation.refund_id}" in shown
    assert f"refundRequestId: {cancellation.pk.hex}" in text(operator.get(page_of(waits)))


def test_a_refund_that_failed_is_not_told_as_a_success(refunds, operator, waits, gateway):
    gateway.refund_settles("request-order-1", status="FAIL")
    services.refresh_payment(waits)
    [cancellation] = waits.cancellations.all()
    services.retry_cancellation(cancellation)
    services.process_due_cancellations()
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.result_code) == ("REJECTED", "SUCCESS")
    page = text(operator.get(page_of(waits)))
    assert "Alipay says that the refund failed." in page
    assert "neither cancelled nor refunded in full" in page
    assert "refusal in hand" not in page
    assert "code: SUCCESS" not in page


class DeniesOneRefund(BaseBackend):
    """Beside Django's own: it allows nothing, and denies the refund of one payment."""

    def has_perm(self, user, permission, obj=None):
        if permission.endswith("refund_payment") and getattr(obj, "reference", "") == "denied":
            raise PermissionDenied
        return False


def test_of_many_all_are_refunded_or_none_and_the_person_is_told(settings, refunds, pay, cashier):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        f"{__name__}.{DeniesOneRefund.__name__}",
    ]
    payments = [pay(f"order-{n}") for n in range(FEW)]
    other = pay("other", reference="denied")
    response = cashier.post(confirmation_of(*payments, other), {"or_refund": "on", "reason": ""})
    assert "None of these is refunded" in told(response)[0][1]
    assert Cancellation.objects.count() == FEW + 1
    assert not Cancellation.objects.filter(or_refund=True).exists()
