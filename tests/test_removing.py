"""docs/how-to/remove-the-app.md: what undoing the migrations does to the shop's own tables."""

from __future__ import annotations

import pytest

from tests.commands import run

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_plan_of_migrate_zero_shows_that_the_shops_own_tables_would_go():
    out, _, failure = run("migrate", "django_alipay_cancel", "zero", "--plan")
    assert failure == ""
    assert "django_alipay_cancel.0001" in out
    assert "shop.0001" in out


def test_the_sql_that_undoes_the_apps_migration_leaves_the_shops_tables():
    out, _, failure = run("sqlmigrate", "--backwards", "django_alipay_cancel", "0001")
    assert failure == ""
    assert "DROP TABLE" in out
    assert "django_alipay_cancel_payment" in out
    assert "shop_order" not in out
