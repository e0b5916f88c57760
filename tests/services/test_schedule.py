"""The due time: one module writes it, and no row waits for a time that nobody meant."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

import django_alipay_cancel
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services import schedule
from tests.services.conftest import rows

PACKAGE = Path(django_alipay_cancel.__file__).parent
NAME = "next_attempt_at"


def writers(source):
    """Yield the lines that assign the column, give it to update(), or name it for store()."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == NAME:
                    yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = [keyword.arg for keyword in node.keywords]
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if (node.func.attr == "update" and NAME in names) or (
                node.func.attr == "store" and NAME in texts
            ):
                yield node.lineno


def test_the_schedule_and_the_models_own_finish_alone_write_the_due_time():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if list(writers(path.read_text(encoding="utf-8")))
    }
    assert found == {"models.py", "services/schedule.py"}


@pytest.mark.django_db
def test_the_database_takes_no_pending_row_without_a_due_time(gateway, pay):
    services.request_cancellation(pay())
    with pytest.raises(IntegrityError), transaction.atomic():
        Cancellation.objects.update(next_attempt_at=None)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_a_wrong_clock_put_off_by_a_year_is_due_and_late(gateway, pay):
    payment = pay()
    services.request_cancellation(payment)
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(days=365))
    assert services.worker_is_late()
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"
    assert not services.worker_is_late()


@pytest.mark.django_db
def test_lowering_the_delays_makes_no_row_late(gateway, pay, settings):
    services.request_cancellation(pay())
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(hours=4))
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (1,)}
    assert not services.worker_is_late()
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (86400,)}
    assert schedule.reach() > timedelta(days=1)


def test_a_row_may_be_due_as_late_as_the_longest_quiet_period(settings):
    settings.ALIPAY_CANCEL = {"QUIET_PERIOD": 86400}
    assert schedule.reach() > timedelta(days=1)


# --- one rule each --------------------------------------------------------------------------------

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def waiting(gateway, pay, still):
    """Make PENDING rows that fall due so many seconds from now; the time stands still."""

    def make(*seconds):
        made = [services.request_cancellation(pay(f"order-{n}")) for n in range(len(seconds))]
        for row, at in zip(made, seconds, strict=True):
            row.next_attempt_at = timezone.now() + timedelta(seconds=at)
            Cancellation.objects.filter(pk=row.pk).update(next_attempt_at=row.next_attempt_at)
        return made

    return make


@pytest.mark.parametrize(
    ("age", "after"), [(100, 100), (10, 60), (3600, 3600), (7200, 3600), (60, 60)]
)
def test_the_sweep_asks_again_when_a_payment_is_twice_as_old_and_every_hour_at_least(
    settings, age, after
):
    settings.ALIPAY_CANCEL = {"CANCEL_UNRESOLVED_AFTER": 60}
    asked_at = NOW + timedelta(seconds=age)
    assert schedule.next_sweep(NOW, asked_at) == asked_at + timedelta(seconds=after)


def test_a_sweep_that_is_switched_off_meanwhile_asks_at_the_payments_own_age(settings):
    settings.ALIPAY_CANCEL = {}
    assert schedule.next_sweep(NOW, NOW) == NOW


@pytest.mark.django_db
def test_a_row_is_due_from_its_time_on_and_when_its_time_can_never_come(waiting):
    reach = schedule.reach().total_seconds()
    *soon, farthest, beyond = waiting(-1, 0, 1, reach, reach + 1)
    assert [schedule.is_due(row) for row in soon] == [True, True, False]
    assert not schedule.is_due(farthest) and schedule.is_due(beyond)
    beyond.next_attempt_at = None
    assert not schedule.is_due(beyond)


@pytest.mark.django_db
def test_the_longest_waiting_row_is_the_one_that_fell_due_first(waiting):
    first, second, _ = waiting(-5, -3, 60)
    assert schedule.oldest_due_at(now=timezone.now()) == first.next_attempt_at
    at = second.next_attempt_at - timedelta(seconds=1)
    later = timezone.now() + timedelta(seconds=1)
    Cancellation.objects.filter(pk=first.pk).update(next_attempt_at=later)
    assert schedule.oldest_due_at(now=at) is None
    assert schedule.oldest_due_at(now=second.next_attempt_at) == second.next_attempt_at


@pytest.mark.django_db
def test_a_row_gives_up_after_the_delays_that_it_has_left(waiting, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (2, 5, 15)}
    (row,) = waiting(10)
    row.repeats = 1
    assert schedule.gives_up_at(row) == row.next_attempt_at + timedelta(seconds=20)
    row.next_attempt_at = None
    assert schedule.gives_up_at(row) is None


@pytest.mark.django_db
@pytest.mark.parametrize("claimed", [True, False])
def test_a_new_row_is_due_when_it_is_asked_for_or_held_by_whoever_makes_it(waiting, claimed):
    (row,) = waiting(-5)
    schedule.start(row, claimed=claimed)
    leased = timezone.now() + schedule.lease_length()
    least = leased if claimed else row.asked_at
    assert least <= row.next_attempt_at < least + timedelta(milliseconds=1)


@pytest.mark.django_db
def test_a_row_is_claimed_once_as_it_was_read_and_what_is_named_is_written_with_it(waiting):
    (row,) = waiting(0)
    stale = Cancellation.objects.get(pk=row.pk)
    row.repeats, stale.repeats = 3, 4
    assert schedule.claim(row, "repeats")
    assert not schedule.claim(stale, "repeats")
    stored = Cancellation.objects.get(pk=row.pk)
    assert (stored.repeats, stored.next_attempt_at) == (3, row.next_attempt_at)


def test_a_write_without_a_claim_meets_any_row():
    assert schedule.held(None) == {}
    assert schedule.held(NOW) == {NAME: NOW}


@pytest.mark.django_db
def test_rows_claimed_together_hold_one_token_and_others_are_left_alone(waiting):
    one, two, other = waiting(0, 0, 0)
    left = other.next_attempt_at
    schedule.claim_all([one, two])
    assert one.next_attempt_at == two.next_attempt_at
    lease = one.next_attempt_at - timezone.now()
    assert timedelta() <= lease - schedule.lease_length() < timedelta(milliseconds=1)
    for row, at in ((one, one.next_attempt_at), (two, one.next_attempt_at), (other, left)):
        row.refresh_from_db()
        assert row.next_attempt_at == at
    schedule.claim_all([other])
    assert other.next_attempt_at > left


@pytest.mark.django_db
def test_to_claim_no_rows_asks_the_database_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        schedule.claim_all([])


def test_the_last_byte_leaves_one_call_of_the_lease(settings):
    settings.ALIPAY_CANCEL = {"TIMEOUT": (3, 10)}
    assert schedule.lease_length() == timedelta(seconds=49)
    assert schedule.last_byte_by(NOW) == NOW - timedelta(seconds=13)


def test_the_rules_get_jittered_delays_and_the_settings(settings):
    delays = (10,) * 200
    settings.ALIPAY_CANCEL = {"TIMEOUT": (3, 10), "QUIET_PERIOD": 7, "RETRY_DELAYS": delays}
    policy = schedule.policy()
    assert (policy.quiet, policy.fresh) == (timedelta(seconds=7), timedelta(seconds=23))
    assert policy.review_every == timedelta(hours=1)
    assert policy.refunds is False
    settings.ALIPAY_CANCEL = {"REFUNDS": True}
    assert schedule.policy().refunds is True
    assert len(policy.delays) == 200
    assert timedelta(seconds=5) <= min(policy.delays) < timedelta(seconds=6)
    assert timedelta(seconds=9) < max(policy.delays) <= timedelta(seconds=10)
