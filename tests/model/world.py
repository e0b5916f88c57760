"""A model of what can happen to one payment, searched breadth-first for a wrong history.

The payment at Alipay is hidden; a pay may come at any time; a cancel takes effect at once, later,
or never, and its answer may be lost, unbound, refused or unreadable; processes die or stand still;
persons act; somebody plays old answers. What decides is the product's own `verdict`, and what it is
told is what `services/passes.py` would tell it: judge, commit 1, call, commit 2, judge again.

Times are small whole numbers. They are kept relative to now, so that histories that differ in their
date alone are one state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from django_alipay_cancel.services.case import Case, Inquired
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    Fact,
    FactKind,
    History,
    Policy,
    Wish,
    WishState,
    Word,
)
from django_alipay_cancel.services.verdict import RULES, verdict

QUIET, LIMIT = 3, 1
LEASE = 3 * LIMIT + 1
REVIEW_EVERY = 20
ABSENT, UNPAID, PAID, FAILED, CANCELLED = "absent", "unpaid", "paid", "failed", "cancelled"
HELD = "held"  # authorized, and not captured
SHOWN = {
    ABSENT: Word.UNKNOWN_PAYMENT,
    UNPAID: Word.SHOWS_UNPAID,
    PAID: Word.SHOWS_TAKEN,
    HELD: Word.SHOWS_TAKEN,
    FAILED: Word.SHOWS_FAILED,
    CANCELLED: Word.SHOWS_CANCELLED,
}


@dataclass(frozen=True)
class World:
    """Which parts of the world are in a search; the fewer, the deeper it goes."""

    name: str
    start: str = PAID
    shop_says_paid: bool = False
    no_result: bool = False
    pays: bool = False
    fails: bool = False
    notifies: bool = False
    effects_later: bool = False
    unbound: bool = False
    troubles: bool = False
    not_sent: bool = False
    dies: int = 0
    replays: int = 0
    persons: int = 0
    slow: int = 0  # checks whose answer is stored later, beside whatever else happens
    shop: int = 0  # what the shop says by itself, true or not
    holds: bool = False  # somebody holds cancels back and plays another payment's F to them
    hides: bool = False  # ... and ORDER_NOT_EXIST to cancels that take effect
    orphaned: bool = False  # no open cancellation, and the payment says CANCELLING
    wishes: int = 1
    delays: int = 1
    early: int = 2
    review_inquiries: int = 1
    calls: int = 9

    @property
    def policy(self) -> Policy:
        return Policy(
            delays=[2] * self.delays,
            quiet=QUIET,
            fresh=LIMIT + 1,
            early=self.early,
            longest_resend_delay=4,
            not_sent_for=9,
            review_every=REVIEW_EVERY,
            review_inquiries=self.review_inquiries,
        )


class Process(NamedTuple):
    """A pass under way: the call it opened, and what was said to it, None before it was sent."""

    call: int
    token: int | None
    seen: int
    cancels: int
    inquiries: int
    said: Word | None = None


class State(NamedTuple):
    """The hidden payment, our rows, and the processes; all times are relative to now."""

    alipay: str
    flying: tuple[int, ...]  # until when cancels under way may take effect
    calls: tuple[Call, ...]
    facts: tuple[Fact, ...]
    wish_state: WishState
    wish: int
    asked_at: int
    due: int | None
    running: Process | None = None
    still: Process | None = None  # stands still since it lost its claim
    deaths: int = 0
    replays: int = 0
    acts: int = 0
    paid: bool = False  # whether the pay has come
    by_hand: bool = False
    news: tuple[FactKind, ...] = ()  # notifications under way, or lost
    slow: Process | None = None
    slows: int = 0
    told: int = 0
    ended: str = ""


class Wrong(Exception):
    """A history that must not be; the text names the property."""


class Search:
    """The transitions of one world, by these rules."""

    process: type[Any] = Process

    def __init__(self, world: World, rules=RULES) -> None:
        self.world, self.rules, self.policy = world, rules, world.policy
        self._ending: set[State] = set()

    def first(self) -> State:
        kinds = (FactKind.PAID,) if self.world.shop_says_paid else ()
        facts = tuple(Fact(kind, -1, False) for kind in kinds)
        calls: tuple[Call, ...] = ()
        if self.world.no_result:  # the sweep has just asked
            calls = (Call(cancels=False, opened_at=0, claim_until=LEASE, answered_at=0,
                          said=SHOWN[self.world.start], by=AskedBy.SWEEP),)  # fmt: skip
        if self.world.start == HELD:
            facts = (*facts, Fact(FactKind.AUTHORIZED, -1, True))
        first = State(self.world.start, (), calls, facts, WishState.PENDING, 1, 0, 0)
        if not self.world.orphaned:
            return first
        lost = Call(cancels=True, wish=1, opened_at=-1, claim_until=LEASE - 1)
        return first._replace(
            calls=(lost,), flying=(LEASE - 1 + QUIET,), wish_state=WishState.NONE, due=None
        )

    # --- what may come next ------------------------------------------------------------------

    def after(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what may happen, in words, and the state after it."""
        yield from self._time(state)
        yield from self._alipay(state)
        if state.running:
            yield from self._process(state, state.running, "running")
        elif state.due is not None and state.due <= 0 and state.wish_state in (
            WishState.PENDING, WishState.IN_REVIEW
        ):  # fmt: skip
            process = self.process(-1, LEASE, len(state.calls), 1, 3)
            yield from self._judge("a worker claims", state, process)
        if state.still:
            yield from self._process(state, state.still, "still")
        if state.slow:
            yield from self._process(state, state.slow, "slow")
        elif state.slows < self.world.slow:
            yield from self._slow_checks(state)
        if state.acts < self.world.persons and not state.running:
            yield from self._persons(state)
        if state.acts < self.world.persons and state.running and state.still is None:
            # Its due time is changed under a process that works on it.
            stolen = state._replace(acts=state.acts + 1, due=0, running=None)
            yield "somebody sets it due during a call", stolen._replace(still=state.running)
        if state.ended == "rejected" and state.wish < self.world.wishes:
            yield "somebody wishes anew", self._anew(state)

    def _anew(self, state: State) -> State:
        return self._shift(state, 1)._replace(
            wish_state=WishState.PENDING, wish=state.wish + 1, asked_at=0, due=0, ended="",
            by_hand=False,
        )  # fmt: skip

    def _time(self, state: State) -> Iterator[tuple[str, State]]:
        if state.running:
            return  # a process that waits stands still
        ahead = [time for time in self._moments(state) if time > 0]
        if ahead:
            yield f"{min(ahead)} pass", self._shift(state, min(ahead))

    def _moments(self, state: State) -> Iterator[int]:
        """Yield when something falls due or is over."""
        yield from state.flying
        yield from (call.claim_until for call in state.calls if call.said is None)
        if state.due is not None:
            yield state.due
        quiet = Case(self.history(state), 0, self.policy).quiet_until
        if quiet is not None:
            yield quiet

    def _shift(self, state: State, by: int) -> State:
        def at(time):
            return None if time is None else time - by

        running, still, slow = state.running, state.still, state.slow
        if running and running.token is not None:
            running = running._replace(token=running.token - by)
        if still and still.token is not None:
            still = still._replace(token=still.token - by)
        return _compact(_history_at(state, at)._replace(
            flying=tuple(until - by for until in state.flying if until > by),
            due=at(state.due), running=running, still=still, slow=slow,
        ))  # fmt: skip

    def _alipay(self, state: State) -> Iterator[tuple[str, State]]:
        for n, _ in enumerate(state.flying):
            rest = state.flying[:n] + state.flying[n + 1 :]
            if state.alipay in (UNPAID, PAID, HELD):
                yield "a cancel takes effect late", state._replace(alipay=CANCELLED, flying=rest)
        pays = self.world.pays and not state.paid and state.alipay in (ABSENT, UNPAID)
        if pays:
            paid = state._replace(alipay=PAID, paid=True)
            yield "the buyer pays", paid
            if self.world.notifies:
                yield "the buyer pays, notified", self._told(paid, FactKind.PAID)
                yield (
                    "the buyer pays, notified later",
                    paid._replace(news=(*state.news, FactKind.PAID)),
                )
        if self.world.pays and state.alipay == HELD:
            captured = state._replace(alipay=PAID)
            yield "it is captured", captured
            if self.world.notifies:
                yield (
                    "it is captured, notified later",
                    captured._replace(news=(*state.news, FactKind.CAPTURED)),
                )
        if self.world.fails and state.alipay in (UNPAID, HELD):
            failed = state._replace(alipay=FAILED)
            yield "the payment fails", failed
            if self.world.notifies:
                yield (
                    "the payment fails, notified later",
                    failed._replace(news=(*state.news, FactKind.FAILED)),
                )
        for n, kind in enumerate(state.news):
            rest = state.news[:n] + state.news[n + 1 :]
            yield f"the notification of {kind} arrives", self._told(state._replace(news=rest), kind)
        if state.told < self.world.shop:
            for kind in (FactKind.PAID, FactKind.FAILED):
                told = state._replace(
                    told=state.told + 1, facts=(*state.facts, Fact(kind, 0, False))
                )
                yield f"the shop says {kind}", self._finish_only(told)

    def _told(self, state: State, kind: FactKind) -> State:
        facts = (*state.facts, Fact(kind, 0, True))
        return self._finish_only(state._replace(facts=facts))

    # --- processes ----------------------------------------------------------------------------

    def _process(self, state: State, p: Process, slot: str) -> Iterator[tuple[str, State]]:
        call = state.calls[p.call]
        if slot == "running" and state.deaths < self.world.dies:
            gone = state._replace(running=None, deaths=state.deaths + 1)
            yield "the process dies", gone
            if state.still is None:
                yield "the process stands still", gone._replace(still=p)
        if p.said is not None:
            yield from self._store(state, p, slot)
        elif call.claim_until < LIMIT:  # the fence
            yield from self._answered(state, p, slot, "nothing is sent any more", Word.NOTHING_SENT)
        elif slot == "running" and state.due is not None and state.due <= 0:
            return  # its lease has ended; a worker claims
        elif call.cancels and self.world.no_result and self._is_told_paid(state):
            yield from self._answered(state, p, slot, "the last look: told", Word.NOTHING_SENT)
        else:
            words = self._cancel_words if call.cancels else self._inquiry_words
            for said, changed, word in words(state):
                yield from self._answered(changed, p, slot, said, word)

    def _is_told_paid(self, state: State) -> bool:
        return Case(self.history(state), 0, self.policy).taken

    def _answered(self, state, p, slot, said, word) -> Iterator[tuple[str, State]]:
        yield said, state._replace(**{slot: p._replace(said=word)})

    def _cancel_words(self, state: State) -> Iterator[tuple[str, State, Word]]:
        world = self.world
        yield "cancel: no word, no effect", state, Word.NO_WORD
        if world.not_sent:
            yield "cancel: not sent", state, Word.NOTHING_SENT
        if world.troubles:
            yield "cancel: other ids", state, Word.MIXED
            yield "cancel: our request is refused", state, Word.MISCONFIGURED
        if state.alipay == ABSENT:
            yield "cancel: ORDER_NOT_EXIST", state, Word.UNKNOWN_PAYMENT
            return
        if state.alipay == FAILED:
            yield "cancel: F", state, Word.REFUSED
            return
        done = state._replace(alipay=CANCELLED)
        if state.alipay != CANCELLED:
            yield "cancel: F, no effect", state, Word.REFUSED
        yield "cancel: S", done, Word.YES
        yield "cancel: takes effect, F", done, Word.REFUSED
        yield "cancel: takes effect, no word", done, Word.NO_WORD
        if world.unbound:
            yield "cancel: takes effect, S without ids", done, Word.S_UNBOUND
            if state.alipay != CANCELLED:
                yield "cancel: no effect, S without ids", state, Word.S_UNBOUND
        if world.effects_later and state.alipay != CANCELLED:
            flying = tuple(sorted((*state.flying, QUIET)))
            yield "cancel: under way, no word", state._replace(flying=flying), Word.NO_WORD
        if world.holds and state.alipay != CANCELLED:
            flying = tuple(sorted((*state.flying, QUIET)))
            yield (
                "cancel: held back, another F is played",
                state._replace(flying=flying),
                Word.REFUSED,
            )
        if world.replays > state.replays:
            played = state._replace(replays=state.replays + 1)
            yield "cancel: ORDER_NOT_EXIST is played to it", played, Word.UNKNOWN_PAYMENT
            if world.hides:
                yield (
                    "cancel: takes effect, ORDER_NOT_EXIST is played to it",
                    played._replace(alipay=CANCELLED),
                    Word.UNKNOWN_PAYMENT,
                )

    def _inquiry_words(self, state: State) -> Iterator[tuple[str, State, Word]]:
        yield "inquiry: no word", state, Word.NO_WORD
        yield f"inquiry: {state.alipay}", state, SHOWN[state.alipay]
        if state.flying and state.alipay == PAID:
            yield "inquiry: a cancel is under way", state, Word.SHOWS_CANCELLING
        if self.world.troubles:
            yield "inquiry: our request is refused", state, Word.MISCONFIGURED
        if self.world.replays > state.replays and state.alipay != ABSENT:
            played = state._replace(replays=state.replays + 1)
            yield "inquiry: ORDER_NOT_EXIST is played to it", played, Word.UNKNOWN_PAYMENT

    def _store(self, state: State, p: Process, slot: str) -> Iterator[tuple[str, State]]:
        call = state.calls[p.call]
        code = "F" if p.said is Word.REFUSED else ""
        stored = replace(call, said=p.said, answered_at=0, code=code)
        calls = (*state.calls[: p.call], stored, *state.calls[p.call + 1 :])
        state = state._replace(calls=calls, **{slot: None})
        holds = state.due == p.token and slot == "running"
        if holds:
            yield from self._judge("stored", state, p)
        else:
            yield "stored late", self._finish_only(state, p.seen if slot == "slow" else None)

    # --- judging ------------------------------------------------------------------------------

    def history(self, state: State, seen: int | None = None, claimed: bool = False) -> History:
        due = 0 if claimed else state.due
        return History(
            wish=Wish(
                key=state.wish, state=state.wish_state, no_result=self.world.no_result,
                asked_at=state.asked_at, due=due, seen=len(state.calls) if seen is None else seen,
            ),
            calls=state.calls,
            facts=state.facts,
        )  # fmt: skip

    def judged(self, state: State, p: Process | None = None) -> Verdict:
        history = self.history(state, p.seen, claimed=True) if p else self.history(state)
        return verdict(history, 0, self.policy, self.rules)

    def _judge(self, said: str, state: State, p: Process) -> Iterator[tuple[str, State]]:
        found = self.judged(state, p)
        said = f"{said}: {found.act} because {found.because}"
        finished = self._finish(state, found)
        if finished is not None:
            yield said, finished
            return
        if found.act is Act.REVIEW:
            yield said, state._replace(wish_state=WishState.IN_REVIEW, due=REVIEW_EVERY)
            return
        ready = found.at is None or found.at <= 0
        cancels = found.act is Act.CANCEL
        left = p.cancels if cancels else p.inquiries
        if found.act in (Act.ASK, Act.CANCEL) and ready and left and self._has_room(state):
            yield said, self._open(state, p, cancels)
            return
        due = found.at
        if due is not None and due <= 0 and not self._has_room(state):
            due = None  # the search goes no deeper
        if state.wish_state is WishState.PENDING and due is None and self._has_room(state):
            raise Wrong(f"L1: {said}, and nothing is awaited")
        yield said, state._replace(due=due)

    def _has_room(self, state: State) -> bool:
        return len(state.calls) < self.world.calls

    def _open(self, state: State, p: Process, cancels: bool) -> State:
        for call in state.calls:
            if cancels and call.cancels and call.said is None and call.claim_until > 0:
                raise Wrong("S5: a second cancel while one is being sent")
        if cancels and self.world.no_result:
            if any(fact.kind is FactKind.PAID for fact in state.facts):
                raise Wrong("S4: the sweep cancels what it has been told is paid")
            # In the order of the calls: several are made in one tick.
            last = max((n for n, c in enumerate(state.calls) if c.cancels), default=-1)
            shown = [c for c in state.calls[last + 1 :] if c.said is Word.SHOWS_UNPAID]
            if not any(c.opened_at >= -self.policy.fresh for c in shown):
                raise Wrong("S4: the sweep cancels without having been shown that it is unpaid")
        if cancels and state.wish_state is WishState.PENDING:
            last = Case(self.history(state), 0, self.policy)
            if last.said is Word.REFUSED:
                raise Wrong("P: a cancel is repeated while a refusal is in hand")
            if last.inquired is Inquired.CANCELLING:
                raise Wrong("P: a cancel is repeated while one is shown as under way")
            if last.unsent_for is not None and last.unsent_for >= self.policy.not_sent_for:
                raise Wrong("L2: nothing can be sent, and nobody is told")
        review = state.wish_state is WishState.IN_REVIEW
        call = Call(
            cancels=cancels, wish=state.wish, opened_at=0, claim_until=LEASE,
            by=AskedBy.REVIEW if review else AskedBy.SCHEDULE,
        )  # fmt: skip
        p = Process(
            len(state.calls), LEASE, p.seen, p.cancels - cancels, p.inquiries - (not cancels)
        )
        return state._replace(calls=(*state.calls, call), running=p, due=LEASE)

    def _finish_only(self, state: State, seen: int | None = None) -> State:
        found = verdict(self.history(state, seen), 0, self.policy, self.rules)
        return self._finish(state, found) or state

    def _finish(self, state: State, found: Verdict) -> State | None:
        if found.act is Act.CANCELLED:
            if state.ended == "succeeded":
                return state
            if state.alipay != CANCELLED:
                raise Wrong("S1: called cancelled, and it is not")
            return state._replace(wish_state=WishState.OVER, due=None, ended="succeeded")
        if state.wish_state is WishState.OVER:
            return None
        if found.act is Act.UNPAID:
            if state.alipay != FAILED:
                raise Wrong("S1: called failed, and it is not")
            return state._replace(wish_state=WishState.OVER, due=None, ended="succeeded")
        if found.act is Act.REJECT:
            known = Case(self.history(state), 0, self.policy).known
            if found.because is Because.UNKNOWN_PAYMENT and known:
                raise Wrong("S3: called unknown, and it had been shown")
            return state._replace(wish_state=WishState.OVER, due=None, ended="rejected")
        return None

    def _slow_checks(self, state: State) -> Iterator[tuple[str, State]]:
        for by in (AskedBy.PERSON, AskedBy.UNNAMED):
            call = Call(
                cancels=False, wish=state.wish, opened_at=0, claim_until=LEASE, by=by
            )  # fmt: skip
            p = Process(len(state.calls), None, len(state.calls), 0, 0)
            begun = state._replace(calls=(*state.calls, call), slow=p, slows=state.slows + 1)
            # A call under way ends later than this begins.
            if state.running or state.still:
                begun = self._shift(begun, LIMIT)
            yield f"{by} begins to check", begun

    # --- persons ------------------------------------------------------------------------------

    def _persons(self, state: State) -> Iterator[tuple[str, State]]:
        acted = state._replace(acts=state.acts + 1)
        for by in (AskedBy.PERSON, AskedBy.UNNAMED):
            for said, changed, word in self._inquiry_words(acted):
                call = Call(
                    cancels=False, wish=state.wish, opened_at=0, claim_until=LEASE, answered_at=0,
                    said=word, by=by,
                )  # fmt: skip
                checked = changed._replace(calls=(*changed.calls, call))
                if state.still:  # its call ends later than this begins
                    checked = self._shift(checked, LIMIT)
                yield f"{by} checks; {said}", self._finish_only(checked)
        if state.wish_state is WishState.PENDING and state.due != 0:
            yield "somebody sets it due now", acted._replace(due=0)
        if state.wish_state is WishState.IN_REVIEW:
            # Later than what was answered: on one tick both would look asked for by this.
            later = self._shift(acted, 1)
            yield "asked again", later._replace(wish_state=WishState.PENDING, asked_at=0, due=0)
            if Case(self.history(state), 0, self.policy).quiet_until is None:
                yield (
                    "closed as not cancelled",
                    acted._replace(
                        wish_state=WishState.OVER, due=None, ended="rejected", by_hand=True
                    ),
                )

    # --- what must hold -----------------------------------------------------------------------

    def check(self, state: State) -> None:
        """Raise Wrong when this state must not be."""
        if state.ended == "rejected" and state.wish_state is WishState.OVER:
            told = state.by_hand or self._is_being_told(state)
            if state.alipay == CANCELLED and not told:
                raise Wrong("S2: rejected, and it is cancelled")
            if state.flying:
                raise Wrong("S2: rejected, and a cancel may still take effect")

    def _is_being_told(self, state: State) -> bool:
        """Whether an answer that says so is about to be stored."""
        return any(
            p and p.said in (Word.YES, Word.SHOWS_CANCELLED)
            for p in (state.running, state.still, state.slow)
        )

    def ends(self, state: State, within: int = 9) -> None:
        """Raise Wrong unless a truthful gateway brings the wish to its end within so many calls.

        Being in review is an end: a person has been told. But what is cancelled is found out then.
        """
        state = settled(state)._replace(flying=(), paid=False, news=())
        if not self._is_new(state):
            return
        if state.wish_state is WishState.NONE:
            self._orphan_ends(state, within)
            return
        made = len(state.calls)
        search = Search(replace(self.world, calls=made + within + 1), self.rules)
        for _ in range(8 * within):
            if state.wish_state is WishState.IN_REVIEW and state.due is None:
                if made < self.world.calls and not any(c.by is AskedBy.REVIEW for c in state.calls):
                    raise Wrong("L1: in review, and never asked about")
                return
            if state.wish_state is WishState.OVER:
                return
            if state.wish_state is WishState.IN_REVIEW and state.alipay != CANCELLED:
                return
            if state.due is None and made >= self.world.calls:
                return  # here the search ended, not the schedule
            if state.due is None:
                raise Wrong("L1: pending, and never due")
            if state.due > 0:
                state = search._shift(state, state.due)
            state = search._truthful_pass(state)
        raise Wrong(f"L1: pending after {len(state.calls) - made} more calls")

    def _is_new(self, state: State) -> bool:
        """Tell whether what ends from here has not been looked at; most states differ by less."""
        known = len(self._ending)
        self._ending.add(state)
        return len(self._ending) > known

    def _orphan_ends(self, state: State, within: int) -> None:
        for _ in range(within):
            call = Call(cancels=False, wish=state.wish, opened_at=0, claim_until=LEASE,
                        answered_at=0, said=SHOWN[state.alipay], by=AskedBy.SWEEP)  # fmt: skip
            seen = len(state.calls)
            state = self._finish_only(state._replace(calls=(*state.calls, call)), seen)
            if state.wish_state is WishState.OVER:
                return
            state = self._shift(state, LEASE + QUIET)
        raise Wrong("L1: CANCELLING without a cancellation, and no inquiry ends it")

    def _truthful_pass(self, state: State) -> State:
        p = Process(-1, LEASE, len(state.calls), 1, 3)
        ((_, state),) = self._judge("", state, p)
        while state.running:
            p = state.running
            if state.calls[p.call].cancels:
                word = {ABSENT: Word.UNKNOWN_PAYMENT, FAILED: Word.REFUSED}.get(
                    state.alipay, Word.YES
                )
                state = state._replace(alipay=CANCELLED) if word is Word.YES else state
            else:
                word = SHOWN[state.alipay]
            ((_, state),) = self._store(state, p._replace(said=word), "running")
        return state


def settled(state: State) -> State:
    """Return the state without what a truthful gateway and our rows leave out of account."""
    return state._replace(
        running=None, still=None, slow=None, deaths=0, replays=0, acts=0, slows=0, told=0
    )


# Beyond every period that a rule looks at.
_LONG_AGO = -12


def _compact(state: State) -> State:
    """Of what was long ago only the order counts: without this there would be no end of states."""
    times = {call.opened_at for call in state.calls} | {call.claim_until for call in state.calls}
    times |= {call.answered_at for call in state.calls if call.answered_at is not None}
    times |= {fact.learned_at for fact in state.facts} | {state.asked_at}
    old = sorted((time for time in times if time < _LONG_AGO), reverse=True)
    if not old:
        return state
    place = {time: _LONG_AGO - 1 - n for n, time in enumerate(old)}

    return _history_at(state, lambda time: place.get(time, time))


def _history_at(state: State, at: Callable[[Any], Any]) -> State:
    """Move each time of the history, None too, to where `at` says."""
    calls = tuple(
        _call_at(call, at(call.opened_at), at(call.claim_until), at(call.answered_at))
        for call in state.calls
    )
    facts = tuple(_fact_at(fact, at(fact.learned_at)) for fact in state.facts)
    return state._replace(calls=calls, facts=facts, asked_at=at(state.asked_at))


# The same few calls are moved in time a million times.
@cache
def _call_at(call: Call, opened_at: int, claim_until: int, answered_at: int | None) -> Call:
    return replace(call, opened_at=opened_at, claim_until=claim_until, answered_at=answered_at)


@cache
def _fact_at(fact: Fact, learned_at: int) -> Fact:
    return replace(fact, learned_at=learned_at)


class Found(NamedTuple):
    """What a search brought: how many states, how deep, and the shortest wrong history, if any."""

    states: int
    depth: int
    fault: str = ""
    history: tuple[str, ...] = ()
    calls: int = 0  # the most of any history

    def __str__(self) -> str:
        text = f"{self.states} states, depth {self.depth}, {int(bool(self.fault))} faults"
        return "\n".join([text, *([self.fault] if self.fault else []), *self.history])


def search(world: World, rules=RULES, *, most: int = 2_000_000) -> Found:
    """Visit every state of the world, the nearest first, and stop at the first wrong one."""
    searching = Search(world, rules)
    start = searching.first()
    came_from: dict[State, tuple[State | None, str]] = {start: (None, "")}
    level, depth, calls = [start], 0, 0
    while level:
        following = []
        for state in level:
            calls = max(calls, len(state.calls))
            said = ""
            try:
                searching.check(state)
                searching.ends(state)
                for said, reached in searching.after(state):
                    if reached not in came_from:
                        came_from[reached] = (state, said)
                        following.append(reached)
            except Wrong as fault:
                told = _told(came_from, state)
                return Found(len(came_from), depth, str(fault), told)
        if len(came_from) > most:
            raise RuntimeError(f"{world.name}: more than {most} states.")
        level, depth = following, depth + 1
    return Found(len(came_from), depth, calls=calls)


def promptly(rules=RULES) -> None:
    """Raise Wrong unless a truthful gateway is believed as soon as it can be (L3)."""
    for start, standing, calls in ((PAID, "succeeded", 1), (ABSENT, "rejected", 7)):
        searching = Search(World("prompt", start=start, calls=99, delays=5), rules)
        state = searching.first()
        while state.wish_state is WishState.PENDING:
            if len(state.calls) > calls or state.due is None:
                raise Wrong(
                    f"L3: a payment that is {start} at Alipay takes {len(state.calls)} calls"
                )
            state = searching._shift(state, max(state.due, 0))
            state = searching._truthful_pass(state)
        if state.ended != standing or len(state.calls) > calls:
            raise Wrong(f"L3: a payment that is {start} at Alipay ends {state.wish_state}")
    for start, ended, words in (
        (PAID, "rejected", (Word.REFUSED, Word.SHOWS_TAKEN)),
        (FAILED, "succeeded", (Word.REFUSED, Word.SHOWS_FAILED)),
        (PAID, "in_review", (Word.MIXED,)),
    ):
        searching = Search(World("prompt", start=start, calls=99), rules)
        p = Process(-1, LEASE, 0, 1, 1)
        ((_, state),) = searching._judge("", searching.first(), p)
        for word in words:
            if not state.running:
                break
            ((_, state),) = searching._store(state, state.running._replace(said=word), "running")
        if state.running or ended not in (state.ended, state.wish_state.value):
            raise Wrong(f"L3: {' and '.join(words)} do not end it: {ended} was due")


def _told(came_from, state) -> tuple[str, ...]:
    history = []
    while state is not None:
        state, said = came_from[state]
        history.append(said)
    return tuple(reversed(history))[1:]
