"""What the admin tests share: who is signed in, addresses of pages, and what stands on them."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.messages import get_messages

from django_alipay_cancel.models import Cancellation

ADMIN = "/admin/django_alipay_cancel/"


@pytest.fixture
def operator(staff):
    """A client of a superuser."""
    return staff("operator", is_superuser=True)


@pytest.fixture
def clerk(staff):
    """A client of somebody who may cancel payments, and nothing else."""
    return staff("clerk", "cancel_payment")


@pytest.fixture
def viewer(staff):
    """A client of somebody who may look at payments and cancellations, and nothing else."""
    return staff("viewer", "view_payment", "view_cancellation")


def page_of(row):
    """The address of a payment's or a cancellation's page."""
    return f"{ADMIN}{row._meta.model_name}/{row.pk}/change/"


def route(row, name):
    """The address of what can be done with a row."""
    return f"{ADMIN}{row._meta.model_name}/{row.pk}/{name}/"


def confirmation_of(*payments):
    """The address of the page that asks before these payments are cancelled."""
    selection = ".".join(payment.pk.hex for payment in payments)
    return f"{ADMIN}payment/cancel/?payments={selection}"


def cancel(client, *payments, reason=""):
    """Answer the confirmation page with yes."""
    return client.post(confirmation_of(*payments), {"reason": reason})


def told(response):
    """The messages left by a response, as (level, HTML)."""
    return [(message.level_tag, str(message)) for message in get_messages(response.wsgi_request)]


def text(response):
    """What a person reads of a page."""
    return html.unescape(response.content.decode())


def rows(page):
    """The first column of a list."""
    return re.findall(r'<th class="field-name"><a[^>]*>([^<]*)</a>', page)


def given(page):
    """The numbers of a result sheet, as they stand in its lines."""
    lines = re.findall(r'<th scope="row">(.*?)</th>', page, re.DOTALL)
    return [re.sub("<[^>]*>", "", line).partition(". ")[2].strip() for line in lines]


def the_cancellation(payment):
    return Cancellation.objects.get(payment=payment)
