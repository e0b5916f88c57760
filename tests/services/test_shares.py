"""How the threads are shared between merchants, and taken from; without any row."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import queue
from django_alipay_cancel.services.queue import Share, Shared

SLOW = 1.0


@pytest.fixture
def now(monkeypatch):
    """The clock that calls are timed with: `now.at` is what it shows."""
    clock = SimpleNamespace(at=100.0)
    monkeypatch.setattr(queue, "time", SimpleNamespace(monotonic=lambda: clock.at))
    return clock


@pytest.fixture
def share(settings, now):
    """Make the share of so many threads between these merchants."""

    def make(workers, merchants=("a", "b")):
        settings.ALIPAY_CANCEL = {"MERCHANTS": {alias: {} for alias in merchants}}
        return Share(workers)

    return make


def row(merchant):
    return Cancellation(payment=Payment(merchant=merchant))


def work(share, now, merchant, seconds):
    """Let a thread work so long on a row of the merchant."""
    one = row(merchant)
    share.begin(one)
    now.at += seconds
    share.end(one)


def rooms(share, merchant, *, alone):
    """Count how many more threads the merchant may have."""
    has_room = share.room(alone=alone)
    return next(n for n in range(100) if not has_room(merchant))


@pytest.mark.parametrize(("workers", "half"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (9, 4)])
def test_one_of_several_merchants_has_half_of_the_threads_and_one_at_least(share, workers, half):
    assert rooms(share(workers), "a", alone=False) == half
    assert rooms(share(workers, ["a", "b", "c"]), "a", alone=True) == half, "nobody knows it yet"
    assert rooms(share(workers, ["a"]), "a", alone=False) == workers


def test_the_threads_that_a_merchant_has_count_and_those_of_others_do_not(share):
    threads = share(6)
    first, other = row("a"), row("b")
    threads.begin(first)
    threads.begin(other)
    assert rooms(threads, "a", alone=False) == 2
    threads.end(first)
    assert rooms(threads, "a", alone=False) == 3


@pytest.mark.parametrize(("seconds", "room"), [(0.0, 4), (0.9, 4), (SLOW, 2), (5.0, 2)])
def test_a_merchant_that_is_alone_has_all_threads_only_when_its_calls_are_quick(
    share, now, seconds, room
):
    threads = share(4)
    work(threads, now, "a", seconds)
    assert rooms(threads, "a", alone=True) == room
    assert rooms(threads, "a", alone=False) == 2
    assert rooms(threads, "b", alone=True) == 2


def test_a_merchant_whose_last_call_was_slow_is_quick_no_longer(share, now):
    threads = share(4)
    work(threads, now, "a", 0.1)
    work(threads, now, "a", 2.0)
    assert rooms(threads, "a", alone=True) == 2
    work(threads, now, "b", 2.0)
    work(threads, now, "a", 0.1)
    assert rooms(threads, "a", alone=True) == 4


@pytest.mark.parametrize(("seconds", "room"), [(0.5, 3), (SLOW, 3), (1.1, 1)])
def test_a_call_that_takes_long_at_this_moment_makes_its_merchant_slow(share, now, seconds, room):
    threads = share(4)
    work(threads, now, "a", 0.1)
    work(threads, now, "b", 0.1)
    threads.begin(row("a"))
    now.at += seconds
    assert rooms(threads, "a", alone=True) == room
    assert rooms(threads, "b", alone=True) == 4


def test_a_merchant_is_full_when_it_has_no_room(share, now):
    threads = share(4)
    work(threads, now, "a", 0.1)
    for merchant in ("a", "a", "b"):
        threads.begin(row(merchant))
    assert threads.full(alone=False) == ["a"]
    assert threads.full(alone=True) == []


def test_what_threads_share_is_taken_once_and_no_more_after_a_stop():
    stop = threading.Event()
    shared = Shared([1, 2, 3], stop.is_set)
    assert iter(shared) is shared
    assert (next(shared), next(shared)) == (1, 2)
    stop.set()
    assert list(shared) == []
    stop.clear()
    assert list(shared) == [3]
