"""django-tenants: several threads are refused, and the loop of the documentation works."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from tests.commands import run
from tests.servers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = ROOT / "docs/how-to/run-the-worker.md"
NAMED = "switches schemas"


@pytest.fixture
def switching(monkeypatch):
    """A connection that has what django-tenants adds to it."""
    monkeypatch.setattr(connection, "set_schema", lambda name: None, raising=False)


@pytest.mark.parametrize("options", [("--workers", "2"), ("--loop",), ("--loop", "--workers", "3")])
def test_the_worker_refuses_several_threads(gateway, pay, switching, options):
    services.request_cancellation(pay())
    _, _, failure = run("process_cancellations", *options)
    assert NAMED in failure
    assert "--workers 1" in failure
    assert not gateway.calls


def test_cancel_payments_refuses_several_threads_before_anything_is_written(
    gateway, pay, switching
):
    pay("order-1")
    _, _, failure = run("cancel_payments", "order-1", "--workers", "2")
    assert NAMED in failure
    assert not Cancellation.objects.exists()


def test_the_service_refuses_several_threads(gateway, switching):
    with pytest.raises(ImproperlyConfigured, match=NAMED):
        services.process_due_cancellations(workers=2)


def test_one_thread_works_in_the_schema_of_its_caller(gateway, pay, switching):
    payment = pay()
    services.request_cancellation(payment)
    assert run("process_cancellations")[2] == ""
    payment.refresh_from_db()
    assert payment.status == "CANCELLED"


class Tenants(list):
    """As much of a manager as the loop asks for."""

    @property
    def objects(self):
        return self

    def exclude(self, *, schema_name):
        return Tenants(each for each in self if each.schema_name != schema_name)

    def filter(self, *, schema_name__in):
        return Tenants(each for each in self if each.schema_name in schema_name__in)


@pytest.fixture
def entered(monkeypatch):
    """The schemas that were entered; django-tenants stood in for, of which "broken" fails."""
    seen = []
    names = ("public", "broken", "north", "south")

    @contextmanager
    def tenant_context(tenant):
        seen.append(tenant.schema_name)
        with monkeypatch.context() as patch:
            if tenant.schema_name == "broken":
                patch.setattr(services, "process_due_cancellations", lambda **options: 1 / 0)
            yield

    utils = ModuleType("django_tenants.utils")
    utils.get_public_schema_name = lambda: "public"
    utils.get_tenant_model = lambda: Tenants(SimpleNamespace(schema_name=name) for name in names)
    utils.tenant_context = tenant_context
    monkeypatch.setitem(sys.modules, "django_tenants", ModuleType("django_tenants"))
    monkeypatch.setitem(sys.modules, "django_tenants.utils", utils)
    return seen


@pytest.mark.parametrize(
    ("schemas", "expected"), [((), ["broken", "north", "south"]), (("south",), ["south"])]
)
def test_the_loop_of_the_page_goes_through_the_tenants_and_none_holds_up_another(
    gateway, pay, switching, entered, schemas, expected
):
    payment = pay()
    services.request_cancellation(payment)
    [shown] = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = {"__name__": "alipay_worker"}
    exec(compile(shown, str(PAGE), "exec"), names)
    names["Command"]().handle(schemas=schemas, once=True)
    assert entered == expected
    payment.refresh_from_db()
    assert payment.status == "CANCELLED"
