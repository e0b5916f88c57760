"""No history of a refund breaks a promise, and without any one of its rules some history does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_alipay_cancel.services import refund_rules
from tests.model import world
from tests.model.refund_world import (
    REFUND_LARGE,
    REFUND_SMALL,
    RefundSearch,
    refunds_promptly,
)
from tests.model.world import Wrong, search

# Nothing here touches Django or a database.
pytestmark = [pytest.mark.once, pytest.mark.slow]

# Rule: the world in which its absence shows; None: why none can.
BEFORE = {
    "refunded": "elsewhere",
    "wish_over": None,  # a finished row takes no transition but the two that Alipay's word allows
    "refund_calling": None,  # the rule `calling` waits for the cancels, and nothing else acts yet
    "earlier_refund": "closed in doubt",
}
AFTER = {
    "refunded": "promptly",
    "wish_over": None,
    "refund_calling": "persons",
    "refund_trouble": "promptly",
    "refund_failed": "promptly",
    "refund_refused": "promptly",
    "refund_under_way": None,  # without it the same is asked, and never given up
    "unknown": "promptly",
}


@pytest.fixture(autouse=True)
def _searches_refunds(monkeypatch):
    monkeypatch.setattr(world, "Search", RefundSearch)


@pytest.mark.parametrize("name", REFUND_SMALL)
def test_no_history_of_a_small_world_breaks_a_promise(name, capsys):
    found = search(REFUND_SMALL[name])
    with capsys.disabled():
        print(f"\n{name}: {found}", end=" ")
    assert not found.fault, str(found)
    assert found.states > 100


@pytest.mark.nightly
@pytest.mark.parametrize("name", REFUND_LARGE)
def test_no_history_of_a_large_world_breaks_a_promise(name, capsys):
    found = search(REFUND_LARGE[name], most=20_000_000)
    with capsys.disabled():
        print(f"\n{name}: {found}", end=" ")
    assert not found.fault, str(found)


def test_a_truthful_gateway_is_believed_as_soon_as_it_can_be():
    refunds_promptly()


def test_every_rule_is_switched_off_once():
    assert list(BEFORE) == [rule.__name__ for rule in refund_rules.BEFORE_THE_TURN]
    assert list(AFTER) == [rule.__name__ for rule in refund_rules.REFUND_RULES]


@pytest.mark.parametrize(
    ("table", "name", "where"),
    [
        (table, name, where)
        for table, rules in (("BEFORE_THE_TURN", BEFORE), ("REFUND_RULES", AFTER))
        for name, where in rules.items()
        if where
    ],
)
def test_without_one_rule_a_promise_breaks(table, name, where, monkeypatch, capsys):
    kept = tuple(rule for rule in getattr(refund_rules, table) if rule.__name__ != name)
    monkeypatch.setattr(refund_rules, table, kept)
    if where == "promptly":
        with pytest.raises(Wrong) as broken:
            refunds_promptly()
        told = str(broken.value)
    else:
        found = search(REFUND_SMALL[where])
        assert found.fault, f"nothing breaks without {name}"
        told = str(found)
    with capsys.disabled():
        print(f"\nwithout {name}: {told}", end=" ")


class Hasty(RefundSearch):
    """Believes that no cancel or refund takes effect later than its answer."""

    def __init__(self, searched, rules=world.RULES):
        super().__init__(searched, rules)
        self.policy = replace(self.policy, quiet=0)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a lost cancel", "M: a refund, and a cancel may still take effect"),
        ("answers", "M: rejected, and a refund may still take effect"),
    ],
)
def test_without_the_quiet_period_both_could_be(name, fault, monkeypatch):
    monkeypatch.setattr(world, "Search", Hasty)
    found = search(REFUND_SMALL[name])
    assert found.fault == fault, str(found)
