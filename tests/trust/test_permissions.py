"""What is forged in a request, and what nobody may do whoever asks."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import ProtectedError
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import CancellationAdmin, PaymentAdmin
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, confirmation_of, page_of, route, text

pytestmark = pytest.mark.django_db

CANCELLATIONS = "/alipay/payments/{}/cancellations/"


def deeds(cancellation):
    """Every address in the admin at which something can be done."""
    payment = cancellation.payment
    return [
        confirmation_of(payment),
        route(payment, "refresh"),
        route(cancellation, "retry"),
        route(cancellation, "close"),
    ]


@pytest.fixture
def nothing_happens(gateway):
    """Whatever the test does: no call, no row that moved."""

    def state():
        return [
            list(model.objects.order_by("pk").values())
            for model in (Payment, Cancellation, CancellationAttempt)
        ], len(gateway.calls)

    before = []
    yield lambda: before.append(state())
    assert before, "the test did not say from when on"
    assert state() == before[0]


# --- forged names and ids -------------------------------------------------------------------------

FORGED_ACTIONS = [
    "delete_selected",
    "cancel",
    "cancel_view",
    "refresh_view",
    "retry_view",
    "close_view",
    "get_queryset",
    "__init__",
    "cancel_selected.__call__",
    "cancel_selected\x00",
    "delete",
    "record_paid",
    "confirm_cancellation",
    "",
]


@pytest.mark.parametrize("action", FORGED_ACTIONS)
@pytest.mark.parametrize("model", ["payment", "cancellation"])
def test_a_forged_action_name_does_nothing(nothing_happens, in_review, staff, model, action):
    cancellation = in_review()
    row = cancellation if model == "cancellation" else cancellation.payment
    operator = staff("operator", is_superuser=True)
    nothing_happens()
    for form in (
        {"action": action, "_selected_action": row.pk, "post": "yes"},
        {"action": action, "_selected_action": row.pk, "select_across": "1", "index": "0"},
    ):
        response = operator.post(f"{ADMIN}{model}/", form)
        assert response.status_code < 500
        operator.get(f"{ADMIN}{model}/", form)


@pytest.mark.parametrize("action", ["cancel_selected", *FORGED_ACTIONS])
def test_one_who_may_only_look_cannot_forge_the_action(nothing_happens, pay, staff, action):
    payment = pay()
    viewer = staff("viewer", "view_payment", "view_cancellation")
    nothing_happens()
    viewer.post(f"{ADMIN}payment/", {"action": action, "_selected_action": payment.pk})
    assert viewer.post(confirmation_of(payment), {"reason": ""}).status_code == 403
    assert viewer.post(f"{ADMIN}payment/cancel/", {"payments": payment.pk.hex}).status_code == 403
    assert viewer.post(f"{ADMIN}payment/select/", {"payments": payment.pk.hex}).status_code == 403


FORGED_IDS = [
    "",
    "1",
    "-1",
    "x" * 5000,
    "' OR 1=1 --",
    "../../auth/user/1",
    "%00",
    "\x00",
    "00000000-0000-0000-0000-00000000000g",
    "😀",
    "\u202e",
    "5b878640-9f47-4912-a386-948fd52e25fd",
]


@pytest.mark.parametrize("key", FORGED_IDS, ids=ascii)
def test_a_forged_id_is_found_nowhere_and_breaks_nothing(nothing_happens, in_review, staff, key):
    in_review()
    operator = staff("operator", is_superuser=True)
    nothing_happens()
    for form in (
        {"action": "cancel_selected", "_selected_action": key},
        {"action": "cancel_selected", "_selected_action": [key, key]},
    ):
        assert operator.post(f"{ADMIN}payment/", form).status_code < 500
    for address in ("payment/cancel/", "payment/select/"):
        for response in (
            operator.post(f"{ADMIN}{address}", {"payments": key, "reason": ""}),
            operator.post(f"{ADMIN}{address}", {"reason": ""}, query_params={"payments": key}),
            operator.get(f"{ADMIN}{address}", {"payments": key}),
        ):
            assert response.status_code < 500


# --- out of the user's reach ----------------------------------------------------------------------


class OneShopOnly(PaymentAdmin):
    def get_queryset(self, request):
        return super().get_queryset(request).filter(reference__startswith="ours")


shop_site = AdminSite(name="shop")
shop_site.register(Payment, OneShopOnly)
shop_site.register(Cancellation, CancellationAdmin)
urlpatterns = [
    path("admin/", shop_site.urls),
    path("alipay/", include("django_alipay_cancel.urls")),
]


def test_ids_outside_the_users_queryset_do_nothing_wherever_they_are_put(
    settings, nothing_happens, in_review, pay, staff
):
    settings.ROOT_URLCONF = __name__
    theirs, other = in_review("theirs"), pay("theirs-too")
    operator = staff("operator", is_superuser=True)
    nothing_happens()
    for address in deeds(theirs)[1:]:
        assert operator.post(address, {"cancelled": "yes", "note": "x"}).status_code == 404
    keys = [theirs.payment.pk, other.pk]
    for across in ("0", "1"):
        form = {"action": "cancel_selected", "_selected_action": keys, "select_across": across}
        assert "theirs" not in text(operator.post(f"{ADMIN}payment/", form, follow=True))
    selection = ".".join(key.hex for key in keys)
    for response in (
        operator.post(confirmation_of(theirs.payment, other), {"reason": ""}, follow=True),
        operator.post(f"{ADMIN}payment/cancel/", {"payments": selection}, follow=True),
        operator.post(f"{ADMIN}payment/select/", {"payments": selection}, follow=True),
    ):
        assert response.status_code in (200, 404)
        assert "theirs" not in text(response)


def test_a_payment_of_another_merchant_or_person_is_404_over_rest(nothing_happens, pay, db):
    person = get_user_model().objects.create_user("buyer")
    other = get_user_model().objects.create_user("other")
    hers = pay("hers", customer=other)
    # The same ids at another merchant make it nobody else's.
    services.record_payment(merchant="eu", payment_request_id="request-hers", customer=person)
    client = Client()
    client.force_login(person)
    nothing_happens()
    answers = [
        client.post(CANCELLATIONS.format(key), content_type="application/json")
        for key in (hers.pk, uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    listed = client.get("/alipay/payments/", {"payment_request_id": "request-hers"}).json()
    assert [row["merchant"] for row in listed["results"]] == ["eu"]


class ByReference:
    """An authentication backend with object permissions: what the payment is called decides."""

    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, obj=None):
        payment = obj.payment if isinstance(obj, Cancellation) else obj
        action = permission.split(".")[1]
        return isinstance(payment, Payment) and payment.reference == f"{user} {action}"


@pytest.mark.parametrize(
    ("may", "address", "form"),
    [
        ("cancel_payment", lambda c: route(c, "retry"), {}),
        ("cancel_payment", lambda c: route(c.payment, "refresh"), {}),
        ("close_cancellation", lambda c: route(c, "close"), {"cancelled": "no", "note": "asked"}),
    ],
)
def test_permission_for_one_row_is_permission_for_no_other(
    settings, gateway, in_review, staff, may, address, form
):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        f"{__name__}.{ByReference.__name__}",
    ]
    hers, other = in_review(f"ann {may}"), in_review("other")
    ann = staff("ann", "view_payment", "view_cancellation")
    assert ann.post(address(other), form).status_code == 403
    assert ann.post(address(hers), form).status_code == 302
    other.refresh_from_db()
    assert other.status == "NEEDS_REVIEW"
    assert LogEntry.objects.filter(object_id=hers.payment.pk).count() == 1
    assert not LogEntry.objects.filter(object_id=other.payment.pk).exists()


def test_over_rest_permission_for_one_row_is_permission_for_no_other(settings, in_review, staff):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        f"{__name__}.{ByReference.__name__}",
    ]
    hers, other = in_review("ann cancel_payment"), in_review("other")
    ann = staff("ann", "view_payment")
    for cancellation, status in ((other, 403), (hers, 202)):
        address = f"/alipay/cancellations/{cancellation.pk}/retry/"
        assert ann.post(address, content_type="application/json").status_code == status
    other.refresh_from_db()
    assert other.status == "NEEDS_REVIEW"


# --- CSRF -----------------------------------------------------------------------------------------


def test_every_form_of_every_page_carries_a_token_and_is_refused_without(
    gateway, in_review, pay, staff
):
    cancellation = in_review()
    paid = pay("paid", status="SUCCESS", paid_at=timezone.now())
    operator = staff("operator", is_superuser=True)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    calls = len(gateway.calls)
    forms = 0
    for address in (
        f"{ADMIN}payment/",
        f"{ADMIN}cancellation/",
        page_of(paid),
        page_of(cancellation),
        page_of(cancellation.payment),
        confirmation_of(paid),
        route(cancellation, "close"),
    ):
        page = operator.get(address).content.decode()
        for opening, inside in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.DOTALL):
            if "post" not in opening.lower() or "logout" in opening:
                continue
            forms += 1
            assert 'name="csrfmiddlewaretoken"' in inside, (address, opening)
            action = re.search(r'action="([^"]*)"', opening)
            target = action[1].replace("&amp;", "&") if action and action[1] else address
            assert strict.post(target, {"reason": ""}).status_code == 403, (address, target)
    assert forms >= 7
    assert len(gateway.calls) == calls
    assert Payment.objects.get(pk=paid.pk).status == "SUCCESS"


def test_over_rest_a_session_without_a_token_is_refused(nothing_happens, pay, staff):
    payment = pay()
    clerk = staff("clerk", "cancel_payment")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = clerk.cookies
    nothing_happens()
    for address in (CANCELLATIONS.format(payment.pk), f"/alipay/payments/{payment.pk}/refresh/"):
        assert strict.post(address, content_type="application/json").status_code == 403


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_no_method_but_post_does_anything(nothing_happens, in_review, staff, method):
    cancellation = in_review()
    operator = staff("operator", is_superuser=True)
    nothing_happens()
    for address in (*deeds(cancellation), CANCELLATIONS.format(cancellation.payment.pk)):
        assert getattr(operator, method)(address).status_code < 500


# --- history --------------------------------------------------------------------------------------


def test_each_deed_is_in_the_admins_history_with_who_did_it(gateway, pay, in_review, staff):
    paid, cancellation = pay("paid", status="SUCCESS"), in_review()
    staff("operator", is_superuser=True).post(confirmation_of(paid), {"reason": "twice"})
    staff("second", is_superuser=True).post(route(cancellation, "retry"))
    gateway.misbehave(Fault.RESULT, result_code="KEY_NOT_FOUND", signed=False)
    services.process_due_cancellations()
    form = {"cancelled": "no", "note": "Alipay's support said so"}
    staff("third", is_superuser=True).post(route(cancellation, "close"), form)
    noted = [
        (str(entry.user), entry.object_id, entry.get_change_message())
        for entry in LogEntry.objects.order_by("action_time", "pk")
    ]
    assert [(user, key) for user, key, _ in noted] == [
        ("operator", str(paid.pk)),
        ("second", str(cancellation.payment.pk)),
        ("third", str(cancellation.payment.pk)),
    ]
    assert "twice" in noted[0][2]
    assert all(message for _, _, message in noted)


def test_history_is_neither_edited_nor_deleted_through_the_admin(nothing_happens, in_review, staff):
    cancellation = in_review()
    operator = staff("operator", is_superuser=True)
    nothing_happens()
    for row in (cancellation, cancellation.payment):
        assert operator.post(page_of(row), {"status": "CANCELLED"}).status_code == 405
        assert operator.post(route(row, "delete"), {"post": "yes"}).status_code == 403
        assert operator.get(route(row, "delete")).status_code == 403
        assert operator.post(f"{ADMIN}{row._meta.model_name}/add/").status_code == 403
    attempt = cancellation.attempts.get()
    assert operator.post(route(attempt, "delete"), {"post": "yes"}).status_code == 404


def test_what_has_a_history_is_protected_from_deletion(in_review):
    cancellation = in_review()
    for row in (cancellation, cancellation.payment):
        with pytest.raises(ProtectedError):
            row.delete()
        with pytest.raises(ProtectedError):
            type(row).objects.filter(pk=row.pk).delete()


def test_a_deleted_user_leaves_name_and_history_behind(gateway, pay, staff):
    staff("ann", "cancel_payment")
    ann = get_user_model().objects.get(username="ann")
    payment = pay(status="SUCCESS", customer=ann)
    cancellation = services.cancel_payment(payment, requested_by=ann)
    ann.delete()
    cancellation.refresh_from_db()
    assert cancellation.requested_by is None
    assert cancellation.requested_by_name == "ann"
    assert Payment.objects.get().customer is None


def test_seeing_the_bodies_takes_a_permission_of_its_own(in_review, staff):
    cancellation = in_review()
    cancellation.attempts.update(response_body="what Alipay said")
    viewer = staff("viewer", "view_payment", "view_cancellation")
    assert "what Alipay said" not in text(viewer.get(page_of(cancellation)))
    get_user_model().objects.get(username="viewer").user_permissions.add(
        Permission.objects.get(codename="view_cancellationattempt")
    )
    assert "what Alipay said" in text(viewer.get(page_of(cancellation)))
