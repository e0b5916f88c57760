"""What `check --database default` says of databases and of others' settings."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from django_alipay_cancel import database_checks
from tests.servers import ROOT, require_suite_on


def said(*, databases=("default",)):
    found = run_checks(databases=list(databases)) if databases else run_checks()
    wanted = ("E030", "E031", "E032", "W030", "W031", "W032", "W033")
    return {each.id[-4:]: each for each in found if each.id and each.id[-4:] in wanted}


@pytest.fixture
def option(transactional_db):
    """Change an option of this database's connections until the test is over."""
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)

    def change(**new):
        connection.close()
        options.update(new)

    yield change
    connection.close()
    options.clear()
    options.update(before)


@pytest.mark.django_db
def test_there_is_nothing_to_say_of_the_databases_of_this_suite():
    assert set(said()) <= {"W032"}


@pytest.mark.django_db
def test_a_database_that_nobody_names_is_not_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        said(databases=())


def test_a_mysql_connection_that_carries_no_emoji_is_an_error(option):
    require_suite_on("mysql", "TEST_MARIADB_URL")
    option(charset="utf8mb3")
    error = said()["E030"]
    assert error.msg == "The connection to the database 'default' carries utf8mb3 only."
    assert '"charset": "utf8mb4"' in error.hint


def test_a_postgresql_database_of_latin_letters_only_is_an_error(transactional_db, monkeypatch):
    require_suite_on("postgresql", "TEST_POSTGRES_URL")
    name = f"{connection.settings_dict['NAME']}_latin"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0"
            " LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    connection.close()
    try:
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "NAME", name)
            error = said()["E030"]
            connection.close()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
    assert error.msg == "The connection to the database 'default' carries LATIN1 only."


def test_a_table_that_was_made_narrow_is_an_error(transactional_db):
    require_suite_on("mysql", "TEST_MARIADB_URL")
    table, column = "django_alipay_cancel_cancellation", "reason"
    change = f"ALTER TABLE {table} MODIFY {column} varchar(512) CHARACTER SET %s NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(change % "latin1")
    try:
        error = said()["E031"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(change % "utf8mb4")
    assert error.msg == f"The table {table} cannot store every character in: reason (latin1)."
    assert f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4" in error.hint


def test_transactions_that_see_old_rows_are_named(option):
    if connection.vendor == "postgresql":
        from psycopg import IsolationLevel

        option(isolation_level=IsolationLevel.REPEATABLE_READ)
    else:
        require_suite_on("mysql", "TEST_MARIADB_URL")
        option(isolation_level="repeatable read")
    assert "are isolated by: repeatable read" in said()["W030"].msg


@pytest.mark.once
@pytest.mark.parametrize(("pool", "told"), [({"max_size": 2}, True), ({"max_size": 4}, False)])
def test_a_pool_smaller_than_the_loops_workers_is_named(pool, told):
    pooled = SimpleNamespace(alias="default", settings_dict={"OPTIONS": {"pool": pool}})
    found = [each.id for each in database_checks._pool(pooled)]
    assert found == (["django_alipay_cancel.W031"] if told else [])


@pytest.mark.once
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "use_tz", "told"),
    [
        ("Europe/Berlin", False, True),
        ("Asia/Shanghai", False, False),
        ("Europe/Berlin", True, False),
    ],
)
def test_summer_time_without_use_tz_is_named(zone, use_tz, told):
    with override_settings(TIME_ZONE=zone, USE_TZ=use_tz):
        assert ("W032" in said(databases=())) == told


class Elsewhere:
    """Payments in a database of their own."""

    def db_for_write(self, model, **hints):
        return "other" if model._meta.app_label == "django_alipay_cancel" else None


@pytest.mark.once
@pytest.mark.django_db
def test_payments_beside_another_database_of_users_are_an_error():
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.Elsewhere"]):
        assert (
            said(databases=())["E032"].msg == "Payments are written to 'other', users to 'default'."
        )


PROJECT = """
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django_fsm_log",
        "django_alipay_cancel",
    ],
)
django.setup()
from django.core.checks import run_checks
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from django_alipay_cancel import services
from django_alipay_cancel.testing import FakeAlipay
with FakeAlipay() as gateway:
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
    gateway.add_payment(payment_id="order-1", status="SUCCESS")
    payment = services.record_payment(payment_id="order-1", paid_at=timezone.now())
    print(services.cancel_payment(payment).status)
    print(services.record_payment(payment_id="order-1").status)
print([each.id for each in run_checks() if each.id.endswith("W033")])
"""


@pytest.mark.once
@pytest.mark.slow
def test_with_django_fsm_log_as_it_comes_payments_are_recorded_and_cancelled():
    done = subprocess.run(
        [sys.executable, "-c", PROJECT], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == [
        "SUCCEEDED",
        "CANCELLED",
        "['django_alipay_cancel.W033']",
    ], done.stderr
