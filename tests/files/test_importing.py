"""import_payments with every kind of file: what is recorded, what is said, how it ends."""

from __future__ import annotations

import pytest
from django.utils.timezone import is_naive, localtime

from django_alipay_cancel.models import Payment
from tests.commands import run
from tests.files import variants

pytestmark = pytest.mark.django_db(transaction=True)

COLUMNS = (
    "payment_request_id",
    "payment_id",
    "amount_value",
    "amount_currency",
    "reference",
    "status",
)


def recorded():
    rows = Payment.objects.order_by("payment_request_id", "payment_id").values_list(*COLUMNS)
    return tuple(rows)


@pytest.mark.parametrize("variant", variants.ALL, ids=lambda variant: variant.name)
def test_a_file(file, variant):
    out, err, failure = run("import_payments", file(content=variant.content), *variant.options)
    assert recorded() == variant.rows
    said = out + err + failure
    for part in variant.says:
        assert part in said
    assert bool(failure) == bool(variant.status), failure
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize("variant", variants.ALL, ids=lambda variant: variant.name)
def test_a_dry_run_says_the_same_and_keeps_nothing(file, variant):
    path = file(content=variant.content)
    out, err, failure = run("import_payments", path, *variant.options, "--dry-run")
    assert recorded() == ()
    said = out + err + failure
    for part in variant.says:
        assert part in said.replace("would be recorded", "recorded")
    assert bool(failure) == bool(variant.status)


@pytest.mark.parametrize("variant", variants.READ, ids=lambda variant: variant.name)
def test_the_same_file_again_changes_nothing(file, variant):
    path = file(content=variant.content)
    run("import_payments", path, *variant.options)
    out, _, failure = run("import_payments", path, *variant.options)
    assert f"0 new, 0 completed, {len(variant.rows)} unchanged; 0 refused." in out
    assert failure == ""
    assert recorded() == variant.rows


def test_a_time_without_an_offset_is_read_in_the_projects_zone(file, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    path = file("payment_request_id,paid_at", "request-1,2026-11-01T10:00:00")
    assert run("import_payments", path)[2] == ""
    paid_at = Payment.objects.get().paid_at
    local = paid_at if is_naive(paid_at) else localtime(paid_at)
    assert f"{local:%Y-%m-%d %H:%M}" == "2026-11-01 10:00"
