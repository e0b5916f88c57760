"""No history in these worlds breaks a promise, and without any one rule some history does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_alipay_cancel.services.verdict import RULES
from tests.model.world import Search, Wrong, promptly, search
from tests.model.worlds import BROKEN_TLS, ENDLESS, LARGE, SMALL

# Nothing here touches Django or a database.
pytestmark = [pytest.mark.once, pytest.mark.slow]

# Rule: the world in which its absence shows; None: why none can.
ABSENCES = {
    "cancelled": "answers",
    "with_refund": None,  # for wishes that say "or refund": see test_refunds
    "over": None,  # a finished row takes no transition but S, whatever a verdict says
    "unpaid": "promptly",
    "calling": "persons",
    "paid_meanwhile": "sweep",
    "trouble": "promptly",
    "turn_to_refund": None,  # likewise
    "refused": "promptly",
    "ask_about_answer": "answers",
    "refusal_undecided": "answers",
    "unknown_payment": "promptly",
    "under_way": None,  # it used a delay, and the schedule asks again before it repeats anything
    "nothing_sent": "nothing is sent",
    "repeat": "promptly",
    "delays_used_up": "answers",
    "in_review": "answers",
    "no_wish": "orphaned",
}


def without(name):
    rules = tuple(rule for rule in RULES if rule.__name__ != name)
    assert len(rules) == len(RULES) - 1
    return rules


@pytest.mark.parametrize("name", SMALL)
def test_no_history_of_a_small_world_breaks_a_promise(name, capsys):
    found = search(SMALL[name])
    with capsys.disabled():
        print(f"\n{name}: {found}", end=" ")
    assert not found.fault, str(found)
    assert found.states > 100


@pytest.mark.parametrize("name", ENDLESS)
def test_calls_without_progress_end(name, capsys):
    found = search(ENDLESS[name])
    with capsys.disabled():
        print(f"\n{name}, without a limit: {found}, at most {found.calls} calls", end=" ")
    assert not found.fault, str(found)
    assert found.calls < ENDLESS[name].calls


@pytest.mark.parametrize("name", BROKEN_TLS)
def test_who_has_broken_tls_can_make_us_say_not_cancelled_as_security_md_says(name):
    found = search(BROKEN_TLS[name])
    assert found.fault.startswith("S2"), str(found)
    assert any(f"{name} is played" in step for step in found.history)


class Gullible(Search):
    """Lets "not cancelled" pass, to see all the rest."""

    def check(self, state):
        pass


@pytest.mark.parametrize("name", BROKEN_TLS)
def test_nothing_played_makes_us_say_cancelled(name, monkeypatch):
    monkeypatch.setattr("tests.model.world.Search", Gullible)
    found = search(BROKEN_TLS[name])
    assert not found.fault, str(found)


@pytest.mark.nightly
@pytest.mark.parametrize("name", LARGE)
def test_no_history_of_a_large_world_breaks_a_promise(name, capsys):
    found = search(LARGE[name], most=20_000_000)
    with capsys.disabled():
        print(f"\n{name}: {found}", end=" ")
    assert not found.fault, str(found)


def test_a_truthful_gateway_is_believed_as_soon_as_it_can_be():
    promptly()


def test_every_rule_is_switched_off_once():
    assert list(ABSENCES) == [rule.__name__ for rule in RULES]


@pytest.mark.parametrize(("name", "where"), [(n, w) for n, w in ABSENCES.items() if w])
def test_without_one_rule_a_promise_breaks(name, where, capsys):
    if where == "promptly":
        with pytest.raises(Wrong) as broken:
            promptly(without(name))
        told = str(broken.value)
    else:
        found = search(SMALL[where], without(name))
        assert found.fault, f"nothing breaks without {name}"
        told = str(found)
    with capsys.disabled():
        print(f"\nwithout {name}: {told}", end=" ")


class Hasty(Search):
    """Believes that no cancel takes effect later than its answer."""

    def __init__(self, world, rules=RULES):
        super().__init__(world, rules)
        self.policy = replace(self.policy, quiet=0)


def test_without_the_quiet_period_a_refusal_is_believed_too_soon(monkeypatch):
    monkeypatch.setattr("tests.model.world.Search", Hasty)
    found = search(SMALL["answers"])
    assert found.fault.startswith("S2"), str(found)
