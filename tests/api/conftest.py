"""What the REST tests share: people, and their clients."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def person(db):
    """Make a user with the named permissions."""

    def make(name, *permissions):
        user = get_user_model().objects.create_user(name)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return user

    return make


@pytest.fixture
def signed_in():
    """Return a client in which this person is signed in."""

    def make(user):
        client = APIClient()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def clerk(person, signed_in):
    """A client of somebody who may see and cancel all payments."""
    return signed_in(person("clerk", "view_payment", "cancel_payment"))


@pytest.fixture
def buyer(person):
    return person("buyer")


def cancellations_of(payment):
    return f"/alipay/payments/{payment.pk}/cancellations/"


def ask(client, payment, body=None):
    """Ask for the payment to be cancelled."""
    return client.post(cancellations_of(payment), body, format="json")


def is_error(response, status, code):
    """Whether this is a refusal in the documented shape, with this status and code."""
    body = response.json()
    return (
        response.status_code == status
        and response["Content-Type"] == "application/json"
        and set(body) == {"code", "message", "field", "next_step"}
        and body["code"] == code
        and bool(body["message"])
    )
