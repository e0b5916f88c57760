"""The walks of the model, taken by the real services against FakeAlipay: the rows end alike."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from django.db import connection

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from tests.model.walker import TICK, Walker, walk
from tests.model.world import ABSENT, QUIET, UNPAID, Search, World

SHARDS = 10
WORLDS = tuple(
    replace(world, early=4, review_inquiries=72, calls=14)
    for world in (
        World("paid", effects_later=True, unbound=True, troubles=True, delays=3, persons=2),
        World("two wishes", effects_later=True, wishes=2, delays=2),
        World("absent", start=ABSENT, pays=True, notifies=True, effects_later=True, delays=5),
        World("unpaid", start=UNPAID, pays=True, fails=True, notifies=True, delays=3, persons=1),
        World("replays", replays=2, effects_later=True, delays=3),
    )
)


def walks() -> int:
    """Return how many walks are taken on this database."""
    if os.environ.get("NIGHTLY"):
        return 100_000
    in_ci = os.environ.get("CI") == "true"
    # With those of refunds 2,000, and 200 on a server.
    return 1760 if connection.vendor == "sqlite" and in_ci else 176


@pytest.mark.slow
@pytest.mark.timeout(0 if os.environ.get("NIGHTLY") else 900)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_real_services_walk_like_the_model(gateway, clock, settings, monkeypatch, shard):
    monkeypatch.setattr(schedule.random, "uniform", lambda least, most: most)
    # `fresh`, in the model two ticks, is the limit of a call and ten seconds.
    common = {**settings.ALIPAY_CANCEL, "TIMEOUT": (5, 345), "QUIET_PERIOD": QUIET * TICK}
    steps = 0
    numbers = range(shard, walks(), SHARDS)
    for number in numbers:
        rng = random.Random(number)
        world = rng.choice(WORLDS)
        settings.ALIPAY_CANCEL = {**common, "RETRY_DELAYS": (2 * TICK,) * world.delays}
        steps += walk(Search(world), rng, Walker(world, gateway, clock, str(number)))
        for model in (CancellationAttempt, Cancellation, Payment):
            model.objects.all().delete()
        gateway.behave()
    assert steps > len(numbers) * 3
