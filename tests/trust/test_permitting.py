"""The answer to one payment decides, at every edge and however many are asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.core.checks import run_checks
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.urls import include, path
from django.utils.translation import gettext_lazy
from rest_framework.test import APIClient

from django_alipay_cancel import services
from django_alipay_cancel.admin import CancellationAdmin, PaymentAdmin, selecting
from django_alipay_cancel.models import Cancellation, Payment
from tests.admin.conftest import ADMIN, cancel, confirmation_of, page_of, route, text, told

pytestmark = pytest.mark.django_db

NOT_ALLOWED = "You do not have permission to cancel this payment."
FOUR_EYES = "From 1,000 USD on, the head of support has to cancel."


# --- backends that deny one payment ---------------------------------------------------------------


class DeniesByRaising(BaseBackend):
    """Beside Django's own: it allows nothing, and denies one payment for good."""

    def has_perm(self, user, permission, obj=None):
        if getattr(obj, "reference", "") == "denied":
            raise PermissionDenied
        return False


class DeniesByAnswer(ModelBackend):
    """In the place of Django's own: yes in general, no to one payment."""

    def has_perm(self, user, permission, obj=None):
        return getattr(obj, "reference", "") != "denied" and super().has_perm(user, permission)


OWN = "django.contrib.auth.backends.ModelBackend"
BACKENDS = {
    "raises, asked first": [f"{__name__}.DeniesByRaising", OWN],
    "raises, asked last": [OWN, f"{__name__}.DeniesByRaising"],
    "answers, in place of Django's own": [f"{__name__}.DeniesByAnswer"],
    "answers, beside Django's own": [OWN, f"{__name__}.DeniesByAnswer"],
}


@pytest.fixture(params=BACKENDS)
def denying(request, settings):
    settings.AUTHENTICATION_BACKENDS = BACKENDS[request.param]


def sign_in(client, name, settings):
    [backend, *_] = (b for b in settings.AUTHENTICATION_BACKENDS if not b.endswith("Raising"))
    client.force_login(get_user_model().objects.get(username=name), backend=backend)
    return client


@pytest.fixture
def ann(staff, settings):
    """Somebody with the plain permission to cancel and to look."""
    client = staff("ann", "cancel_payment", "view_payment", "view_cancellation")
    return lambda: sign_in(client, "ann", settings)


def post(client, address):
    return client.post(address, content_type="application/json")


def test_over_rest_a_payment_that_is_denied_stays_out_of_reach(gateway, pay, ann, denying):
    denied, allowed = pay("denied"), pay("allowed")
    address = "/alipay/payments/{}/cancellations/"
    assert post(ann(), address.format(denied.pk)).status_code in (403, 404)
    assert post(ann(), f"/alipay/payments/{denied.pk}/refresh/").status_code in (403, 404)
    assert not gateway.calls
    assert post(ann(), address.format(allowed.pk)).status_code == 201


def test_over_rest_a_denied_one_in_review_is_not_asked_again(in_review, ann, denying):
    denied, allowed = in_review("denied"), in_review("allowed")
    address = "/alipay/cancellations/{}/retry/"
    assert post(ann(), address.format(denied.pk)).status_code in (403, 404)
    assert post(ann(), address.format(allowed.pk)).status_code == 202
    denied.refresh_from_db()
    assert denied.status == "NEEDS_REVIEW"


def test_in_the_admin_a_payment_that_is_denied_is_left_out(gateway, pay, ann, denying):
    denied, allowed = pay("denied"), pay("allowed")
    client = ann()
    assert "Cancel payment</a>" not in text(client.get(page_of(denied)))
    assert client.post(route(denied, "refresh")).status_code == 403
    assert NOT_ALLOWED in text(client.get(confirmation_of(denied, allowed)))
    cancel(client, denied)
    messages = told(cancel(client, denied, allowed))
    assert [level for level, _ in messages][-2:] == ["error", "success"]
    assert Payment.objects.get(pk=denied.pk).status == "PROCESSING"
    assert Payment.objects.get(pk=allowed.pk).status == "CANCELLED"


def test_in_the_admin_a_denied_one_in_review_is_neither_asked_again_nor_checked(
    gateway, in_review, ann, denying
):
    denied, allowed = in_review("denied"), in_review("allowed")
    calls = len(gateway.calls)
    client = ann()
    assert client.post(route(denied, "retry")).status_code == 403
    for action in ("check_now", "ask_again"):
        form = {"action": action, "_selected_action": [denied.pk, allowed.pk]}
        client.get(f"{ADMIN}cancellation/")  # what was told before is read
        messages = told(client.post(f"{ADMIN}cancellation/", form))
        assert [level for level, m in messages if NOT_ALLOWED in m] == ["error"], action
    assert all("payment-allowed" in call.ids for call in gateway.calls[calls:])
    assert len(gateway.calls) > calls
    statuses = dict(Cancellation.objects.values_list("payment__reference", "status"))
    assert statuses["denied"] == "NEEDS_REVIEW"


class OnlyOdd(PaymentAdmin):
    """A shop's own rule for the admin, which has an answer for each single payment."""

    def has_cancel_permission(self, request, obj=None):
        return obj is None or int(obj.reference) % 2 == 1


odd_site = AdminSite(name="odd")
odd_site.register(Payment, OnlyOdd)
odd_site.register(Cancellation, CancellationAdmin)
urlpatterns = [
    path("admin/", odd_site.urls),
    path("alipay/", include("django_alipay_cancel.urls")),
]


@pytest.mark.parametrize("count", [3, 102, 1100])
def test_a_rule_of_the_shops_admin_is_asked_for_every_payment(settings, gateway, staff, count):
    settings.ROOT_URLCONF = __name__
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    Payment.objects.bulk_create(
        Payment(payment_request_id=f"request-{n}", reference=str(n)) for n in range(count)
    )
    client = staff("operator", is_superuser=True)
    form = {"payments": selecting.write_keys(Payment.objects.values_list("pk", flat=True))}
    page = text(client.post(f"{ADMIN}payment/select/", form))
    assert f"Left out</dt><dd>{(count + 1) // 2}: {NOT_ALLOWED}" in page
    client.post(f"{ADMIN}payment/cancel/", {**form, "reason": ""})
    asked_for = Cancellation.objects.values_list("payment__reference", flat=True)
    assert sorted(map(int, asked_for)) == list(range(1, count, 2))


def test_a_rule_of_the_shops_admin_holds_for_asking_again_too(settings, in_review, staff):
    settings.ROOT_URLCONF = __name__
    even = in_review("2")
    client = staff("operator", is_superuser=True)
    assert client.post(route(even, "retry")).status_code == 403
    form = {"action": "ask_again", "_selected_action": [even.pk]}
    assert NOT_ALLOWED in told(client.post(f"{ADMIN}cancellation/", form))[0][1]
    even.refresh_from_db()
    assert even.status == "NEEDS_REVIEW"


# --- the shop's veto ------------------------------------------------------------------------------

asked = []


def four_eyes(user, payment):
    asked.append((str(user), payment.reference))
    return True if (payment.amount_value or 0) < 100_000 else gettext_lazy(FOUR_EYES)


def broken(user, payment):
    raise RuntimeError("the staff directory is away")


ODD_ANSWERS = {"none": None, "one": 1, "empty": "", "blank": " ", "no": False, "list": ["yes"]}


def odd(user, payment):
    return ODD_ANSWERS[payment.reference]


def use(settings, name):
    asked.clear()
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MAY_CANCEL": f"{__name__}.{name}"}


@pytest.fixture
def operator(staff):
    return staff("operator", is_superuser=True)


def test_the_shops_veto_is_told_over_rest_to_superusers_too(settings, gateway, pay, operator):
    use(settings, "four_eyes")
    large, small = pay("large", amount_value=100_000), pay("small")
    shown = operator.get(f"/alipay/payments/{large.pk}/").json()
    assert (shown["can_cancel"], shown["why_not"]) == (False, FOUR_EYES)
    assert asked == [("operator", "large")]
    answer = post(operator, f"/alipay/payments/{large.pk}/cancellations/")
    assert (answer.status_code, answer.json()["message"]) == (403, FOUR_EYES)
    assert not gateway.calls
    assert post(operator, f"/alipay/payments/{small.pk}/cancellations/").status_code == 201


def test_the_shops_veto_holds_for_buyers(settings, gateway, pay, db):
    use(settings, "four_eyes")
    settings.ALIPAY_CANCEL["CUSTOMERS_MAY_CANCEL"] = True
    buyer = get_user_model().objects.create_user("buyer")
    client = APIClient()
    client.force_login(buyer)
    payment = pay("large", amount_value=100_000, customer=buyer)
    answer = client.post(f"/alipay/payments/{payment.pk}/cancellations/")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not gateway.calls


def test_the_shops_veto_is_shown_before_the_yes_and_asked_after_it(
    settings, gateway, pay, operator
):
    use(settings, "four_eyes")
    large, small = pay("large", amount_value=100_000), pay("small")
    page = text(operator.get(confirmation_of(large, small)))
    assert f"<strong>Nothing:</strong> {FOUR_EYES}" in page
    assert "Yes, cancel the payment" in page
    assert FOUR_EYES in text(operator.get(page_of(large)))
    messages = dict(told(cancel(operator, large, small)))
    assert FOUR_EYES in messages["error"]
    assert ["payment-small" in call.ids for call in gateway.calls] == [True]


def test_the_shops_veto_is_asked_for_each_payment_of_a_large_selection(settings, gateway, operator):
    use(settings, "four_eyes")
    settings.ALIPAY_CANCEL["BULK_INLINE_SECONDS"] = 0
    Payment.objects.bulk_create(
        Payment(payment_request_id=f"request-{n}", amount_value=n * 1000, amount_currency="USD")
        for n in range(102)
    )
    form = {"payments": selecting.write_keys(Payment.objects.values_list("pk", flat=True))}
    response = operator.post(f"{ADMIN}payment/cancel/", {**form, "reason": ""})
    assert sum(FOUR_EYES in message for _, message in told(response)) == 2
    assert Cancellation.objects.count() == 100


def test_the_shops_veto_holds_for_asking_again(settings, in_review, operator):
    cancellation = in_review("large", amount_value=100_000)
    use(settings, "four_eyes")
    assert post(operator, f"/alipay/cancellations/{cancellation.pk}/retry/").status_code == 403
    assert FOUR_EYES in told(operator.post(route(cancellation, "retry")))[0][1]
    form = {"action": "ask_again", "_selected_action": [cancellation.pk]}
    assert FOUR_EYES in told(operator.post(f"{ADMIN}cancellation/", form))[-1][1]
    assert FOUR_EYES in text(operator.get(page_of(cancellation)))
    cancellation.refresh_from_db()
    assert cancellation.status == "NEEDS_REVIEW"


@pytest.mark.parametrize("name", ["broken", "odd"])
def test_what_is_no_clear_yes_refuses_and_is_logged(settings, gateway, pay, operator, caplog, name):
    use(settings, name)
    for reference in ODD_ANSWERS:
        payment = pay(reference)
        caplog.clear()
        answer = post(operator, f"/alipay/payments/{payment.pk}/cancellations/")
        assert (answer.status_code, answer.json()["message"]) == (403, NOT_ALLOWED)
        assert f"MAY_CANCEL failed for payment {payment.pk}" in caplog.text or (
            f"MAY_CANCEL gave neither True nor a sentence for payment {payment.pk}" in caplog.text
        )
    assert not gateway.calls


def test_a_veto_that_is_not_there_refuses(settings, gateway, pay, operator):
    use(settings, "nothing_here")
    payment = pay()
    assert post(operator, f"/alipay/payments/{payment.pk}/cancellations/").status_code == 403
    assert "django_alipay_cancel.E009" in {error.id for error in run_checks()}
    settings.ALIPAY_CANCEL["MAY_CANCEL"] = four_eyes
    assert "django_alipay_cancel.E006" in {error.id for error in run_checks()}


def test_services_and_worker_ask_nobody(settings, gateway, pay):
    use(settings, "broken")
    assert services.cancel_payment(pay("now")).status == "SUCCEEDED"
    services.request_cancellation(pay("later"))
    services.process_due_cancellations()
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}


# --- commands -------------------------------------------------------------------------------------


def test_a_command_that_acts_for_a_user_asks_for_each_payment(
    settings, gateway, pay, ann, denying, capsys
):
    use(settings, "four_eyes")
    for name in ("denied", "allowed"):
        pay(name)
    pay("large", amount_value=100_000)
    with pytest.raises(CommandError, match="2 were refused"):
        call_command("cancel_payments", "denied", "allowed", "large", user="ann")
    told = capsys.readouterr().err
    assert f"denied: {NOT_ALLOWED}" in told
    assert f"large: {FOUR_EYES}" in told
    row = Cancellation.objects.get()
    assert (row.payment.reference, row.requested_by_name) == ("allowed", "ann")


def test_a_command_that_acts_for_nobody_asks_nobody(settings, gateway, pay):
    use(settings, "broken")
    pay()
    call_command("cancel_payments", "order-1")
    assert Payment.objects.get().status == "CANCELLED"


def test_a_command_for_an_unknown_user_does_nothing(gateway, pay):
    pay()
    with pytest.raises(CommandError, match="No user has the name 'nobody'"):
        call_command("cancel_payments", "order-1", user="nobody")
    assert not gateway.calls


# --- the examples of the docs ---------------------------------------------------------------------


def examples():
    """The names that the Python examples of the how-to define."""
    page = (Path(__file__).parents[2] / "docs/how-to/permissions.md").read_text(encoding="utf-8")
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        if code.startswith(("class ", "from decimal", "def ")) or "def may_cancel" in code:
            exec(code, names)
    return names


def test_the_example_of_branches_keeps_a_branch_from_another_whose_name_begins_alike(db):
    own_branch = examples()["OwnBranch"]()
    north = get_user_model().objects.create_user("north")

    def may(reference):
        payment = Payment(reference=reference)
        return own_branch.has_perm(north, "django_alipay_cancel.cancel_payment", payment)

    assert may("north-4711")
    assert not may("north-east-4711")
    assert not may("north")
    assert not may("")
    assert not own_branch.has_perm(north, "django_alipay_cancel.cancel_payment")
    assert not own_branch.has_perm(north, "django_alipay_cancel.cancel_payment", north)


def test_the_example_of_four_eyes_refuses_large_amounts(staff):
    may_cancel = examples()["may_cancel"]
    staff("clerk", "cancel_payment")
    staff("head", "cancel_payment", "close_cancellation")
    clerk, head = (get_user_model().objects.get(username=name) for name in ("clerk", "head"))
    large = Payment(amount_value=100_000, amount_currency="USD")
    small = Payment(amount_value=99_999, amount_currency="USD")
    unknown = Payment()
    assert may_cancel(clerk, small) is True
    assert "1,000" in may_cancel(clerk, large)
    assert isinstance(may_cancel(clerk, unknown), str)
    assert may_cancel(head, large) is True
