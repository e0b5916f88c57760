"""The model with refunds: ours and elsewhere, synchronous and asynchronous, answered or not.

Here Alipay does not know the rule that a refunded payment is not cancelled: a cancel of ours that
is under way takes effect all the same, so that "never both" rests on our own rules alone. What it
does know is the amount: what is refunded elsewhere leaves no room for a refund in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.decision import Act, Verdict
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    History,
    Listed,
    Policy,
    Wish,
    WishState,
    Word,
)
from django_alipay_cancel.services.refund_case import RefundCase
from django_alipay_cancel.services.verdict import RULES, Rule
from tests.model.world import (
    CANCELLED,
    LEASE,
    LIMIT,
    PAID,
    QUIET,
    Search,
    State,
    World,
    Wrong,
    settled,
)

NONE, OPEN, DONE, FAILED = "none", "open", "done", "failed"
PART, ALL, ALL_OPEN = "part", "all", "all open"


@dataclass(frozen=True)
class RefundWorld(World):
    """What of refunds is in a search, beside what is in any."""

    synchronous: bool = True
    asynchronous: bool = False
    refunds_later: bool = False  # a refund may reach Alipay after its answer was lost
    elsewhere: tuple[str, ...] = ()
    lags: bool = False  # an inquiry may list no refund yet
    mixed: bool = False
    switched_off: bool = False

    @property
    def policy(self) -> Policy:
        return replace(super().policy, refunds=not self.switched_off, refund_lasts=12)


class Money(NamedTuple):
    """What is hidden of refunds, and whether the wish has turned."""

    ours: str = NONE
    elsewhere: str = NONE
    flying: tuple[int, ...] = ()
    turned: bool = False
    wish: int = 0  # whose refund it is


class RefundProcess(NamedTuple):
    """A pass; as `Process`, with a refund to make and what the answer lists."""

    call: int
    token: int | None
    seen: int
    cancels: int
    inquiries: int
    said: Word | None = None
    refunds: int = 1
    listed: Listed | None = None


class RefundSearch(Search):
    """A search whose wish says "or refund": `State.news` is unused, and holds the money."""

    world: RefundWorld
    process = RefundProcess

    def first(self) -> State:
        return super().first()._replace(news=(Money(),))

    def _anew(self, state: State) -> State:
        return super()._anew(state)._replace(news=(state.news[0]._replace(turned=False),))

    def _shift(self, state: State, by: int) -> State:
        money = state.news[0]
        flying = tuple(until - by for until in money.flying if until > by)
        shifted = super()._shift(state, by)
        return shifted._replace(news=(money._replace(flying=flying),))

    def _moments(self, state: State) -> Iterator[int]:
        yield from super()._moments(state)
        yield from state.news[0].flying
        until = RefundCase(Case(self.history(state), 0, self.policy)).quiet_until
        if until is not None:
            yield until

    def _alipay(self, state: State) -> Iterator[tuple[str, State]]:
        for n, _ in enumerate(state.flying):
            rest = state.flying[:n] + state.flying[n + 1 :]
            if state.alipay == PAID:
                yield "a cancel takes effect late", state._replace(alipay=CANCELLED, flying=rest)
        money = state.news[0]
        for n, _ in enumerate(money.flying):
            rest = money._replace(flying=money.flying[:n] + money.flying[n + 1 :])
            if self._takes_refund(state):
                for kind in self._kinds():
                    yield (
                        f"a refund takes effect late, {kind}",
                        state._replace(news=(rest._replace(ours=kind, wish=state.wish),)),
                    )
        if money.ours == OPEN:
            for end in (DONE, FAILED):
                yield f"the refund is {end}", state._replace(news=(money._replace(ours=end),))
        if money.elsewhere == NONE and money.ours == NONE and state.alipay == PAID:
            for kind in self.world.elsewhere:
                made = money._replace(elsewhere=kind)
                yield f"refunded elsewhere: {kind}", state._replace(news=(made,))
        if money.elsewhere == ALL_OPEN:
            for end in (ALL, NONE):
                settled = money._replace(elsewhere=end)
                yield f"that elsewhere ends: {end}", state._replace(news=(settled,))

    def _kinds(self) -> list[str]:
        return [DONE] * self.world.synchronous + [OPEN] * self.world.asynchronous

    def _takes_refund(self, state: State) -> bool:
        money = state.news[0]
        return state.alipay == PAID and money.elsewhere == NONE and money.ours in (NONE, FAILED)

    # --- processes ----------------------------------------------------------------------------

    def _process(self, state: State, p: RefundProcess, slot: str) -> Iterator[tuple[str, State]]:
        call = state.calls[p.call]
        if p.said is None and call.claim_until >= LIMIT and call.of_refund:
            if slot == "running" and state.deaths < self.world.dies:
                gone = state._replace(running=None, deaths=state.deaths + 1)
                yield "the process dies", gone
                if state.still is None:
                    yield "the process stands still", gone._replace(still=p)
            words = self._refund_words if call.refunds else self._refund_inquiry_words
            for said, changed, word in words(state, call):
                yield from self._answered(changed, p, slot, said, word)
            return
        yield from super()._process(state, p, slot)

    def _refund_words(self, state: State, call: Call) -> Iterator[tuple[str, State, Word]]:
        money = state.news[0]
        yield "refund: no word, no effect", state, Word.NO_WORD
        if self.world.not_sent:
            yield "refund: not sent", state, Word.NOTHING_SENT
        if self.world.mixed:
            yield "refund: other ids", state, Word.MIXED
        if money.ours in (OPEN, DONE) and money.wish == call.wish:
            yield "refund: the same again, accepted", state, Word.ACCEPTED
            yield "refund: the same again, F", state, Word.REFUSED
            return
        yield "refund: F, no effect", state, Word.REFUSED
        if not self._takes_refund(state):
            return
        for kind in self._kinds():
            made = state._replace(news=(money._replace(ours=kind, wish=state.wish),))
            yield f"refund: accepted, {kind}", made, Word.ACCEPTED
            yield f"refund: takes effect, {kind}, no word", made, Word.NO_WORD
            yield f"refund: takes effect, {kind}, F", made, Word.REFUSED
        if self.world.refunds_later:
            flying = money._replace(flying=tuple(sorted((*money.flying, QUIET))))
            yield "refund: under way, no word", state._replace(news=(flying,)), Word.NO_WORD

    def _refund_inquiry_words(self, state: State, call: Call) -> Iterator[tuple[str, State, Word]]:
        yield "refund inquiry: no word", state, Word.NO_WORD
        money = state.news[0]
        said = {
            NONE: Word.UNKNOWN_REFUND,
            OPEN: Word.REFUND_OPEN,
            DONE: Word.REFUND_DONE,
            FAILED: Word.REFUND_FAILED,
        }[money.ours if money.wish == call.wish else NONE]
        yield f"refund inquiry: {said}", state, said

    def _answered(self, state, p, slot, said, word) -> Iterator[tuple[str, State]]:
        call = state.calls[p.call]
        lists = [None]
        if word is Word.SHOWS_TAKEN and not call.cancels and not call.of_refund:
            lists = self._listed(state)
        for listed in lists:
            answered = p._replace(said=word, listed=listed)
            yield (
                f"{said}{f', lists {listed}' if listed else ''}",
                state._replace(**{slot: answered}),
            )

    def _listed(self, state: State) -> list[Listed]:
        money = state.news[0]
        if money.ours == DONE or money.elsewhere == ALL:
            listed = Listed.ALL
        elif money.ours == OPEN or money.elsewhere == ALL_OPEN:
            listed = Listed.UNDER_WAY
        else:
            listed = Listed.PART if money.elsewhere == PART else Listed.NOTHING
        lags = self.world.lags and listed is not Listed.NOTHING
        return [listed, Listed.NOTHING] if lags else [listed]

    def _store(self, state: State, p: RefundProcess, slot: str) -> Iterator[tuple[str, State]]:
        call = state.calls[p.call]
        code = ""
        if p.said is Word.REFUSED:
            code = "PROCESS_FAIL" if call.refunds else "CANCEL_WINDOW_EXCEED"
        stored = replace(call, said=p.said, answered_at=0, code=code, listed=p.listed)
        calls = (*state.calls[: p.call], stored, *state.calls[p.call + 1 :])
        state = state._replace(calls=calls, **{slot: None})
        if state.due == p.token and slot == "running":
            yield from self._judge("stored", state, p)
        else:
            yield "stored late", self._finish_only(state)

    # --- judging ------------------------------------------------------------------------------

    def history(self, state: State, seen: int | None = None, claimed: bool = False) -> History:
        plain = super().history(state, seen, claimed)
        wish: Wish = replace(plain.wish, or_refund=True, refunds=state.news[0].turned)
        return replace(plain, wish=wish)

    def _judge(self, said: str, state: State, p: RefundProcess) -> Iterator[tuple[str, State]]:
        found = self.judged(state, p)
        if found.act not in (Act.REFUND, Act.ASK_REFUND):
            yield from super()._judge(said, state, p)
            return
        said = f"{said}: {found.act} because {found.because}"
        ready = found.at is None or found.at <= 0
        left = p.refunds if found.act is Act.REFUND else p.inquiries
        if ready and left and self._has_room(state):
            yield said, self._open_refund(state, p, found)
            return
        due = found.at
        if due is not None and due <= 0 and not self._has_room(state):
            due = None
        yield said, state._replace(due=due)

    def _open(self, state: State, p: RefundProcess, cancels: bool) -> State:
        if cancels and state.news[0].turned:
            raise Wrong("M: a cancel after the turn")
        opened = super()._open(state, p, cancels)
        made = opened.running
        return opened._replace(running=RefundProcess(*made[:6], refunds=p.refunds))

    def _open_refund(self, state: State, p: RefundProcess, found: Verdict) -> State:
        refunds = found.act is Act.REFUND
        if refunds:
            acting = [c for c in state.calls if c.cancels or c.refunds]
            if any(c.said is None and c.claim_until > 0 for c in acting):
                raise Wrong("S5: a refund while a cancel or refund is being sent")
            if state.flying:
                raise Wrong("M: a refund, and a cancel may still take effect")
            if state.wish_state is WishState.IN_REVIEW:
                raise Wrong("M: a refund is sent in review")
        review = state.wish_state is WishState.IN_REVIEW
        call = Call(
            cancels=False, refunds=refunds, asks_refund=not refunds,
            wish=state.wish if found.about is None else found.about, opened_at=0,
            claim_until=LEASE, by=AskedBy.REVIEW if review else AskedBy.SCHEDULE,
        )  # fmt: skip
        p = RefundProcess(
            len(state.calls), LEASE, p.seen, p.cancels, p.inquiries - (not refunds),
            refunds=p.refunds - refunds,
        )  # fmt: skip
        money = state.news[0]._replace(turned=state.news[0].turned or refunds)
        return state._replace(calls=(*state.calls, call), running=p, due=LEASE, news=(money,))

    def _finish(self, state: State, found: Verdict) -> State | None:
        if found.act is Act.REFUNDED:
            money = state.news[0]
            if money.ours != DONE and money.elsewhere != ALL:
                raise Wrong("M: called refunded, and no money moved")
            if state.ended == "refunded":
                return state
            return state._replace(wish_state=WishState.OVER, due=None, ended="refunded")
        return super()._finish(state, found)

    def _persons(self, state: State) -> Iterator[tuple[str, State]]:
        acted = state._replace(acts=state.acts + 1)
        for said, changed, word in self._inquiry_words(acted):
            for listed in self._listed(state) if word is Word.SHOWS_TAKEN else [None]:
                call = Call(
                    cancels=False, wish=state.wish, opened_at=0, claim_until=LEASE, answered_at=0,
                    said=word, by=AskedBy.PERSON, listed=listed,
                )  # fmt: skip
                checked = changed._replace(calls=(*changed.calls, call))
                yield f"a person checks; {said}, {listed}", self._finish_only(checked)
        if state.wish_state is WishState.PENDING and state.due != 0:
            yield "somebody sets it due now", acted._replace(due=0)
        if state.wish_state is not WishState.IN_REVIEW:
            return
        later = self._shift(acted, 1)
        yield "asked again", later._replace(wish_state=WishState.PENDING, asked_at=0, due=0)
        case = Case(self.history(state), 0, self.policy)
        if case.quiet_until is None and RefundCase(case).quiet_until is None:
            closed = acted._replace(wish_state=WishState.OVER, due=None, ended="rejected")
            yield "closed as neither", closed._replace(by_hand=True)

    # --- what must hold -----------------------------------------------------------------------

    def check(self, state: State) -> None:
        money = state.news[0]
        if money.ours in (OPEN, DONE) and state.alipay == CANCELLED:
            raise Wrong("M: cancelled and refunded, both by us")
        if money.ours in (OPEN, DONE) and money.elsewhere != NONE:
            raise Wrong("M: refunded twice")
        super().check(state)
        if state.ended == "rejected" and state.wish_state is WishState.OVER:
            if state.by_hand or self._is_being_told(state):
                return
            if money.ours in (OPEN, DONE):
                raise Wrong("M: rejected, and the money goes back")
            if money.flying:
                raise Wrong("M: rejected, and a refund may still take effect")

    def ends(self, state: State, within: int = 12) -> None:
        """Raise Wrong unless a truthful gateway brings the wish to its end, or a person is told."""
        state = settled(state)
        if not self._is_new(state):
            return
        made = len(state.calls)
        search = RefundSearch(replace(self.world, calls=made + within + 1), self.rules)
        for _ in range(8 * within):
            if state.wish_state is not WishState.PENDING:
                return
            if state.due is None:
                if made >= self.world.calls:
                    return
                raise Wrong("L1: pending, and never due")
            state = search._shift(state, max(state.due, 0))
            money = state.news[0]
            if money.ours == OPEN:
                state = state._replace(news=(money._replace(ours=DONE),))
            if money.elsewhere == ALL_OPEN:
                state = state._replace(news=(money._replace(elsewhere=ALL),))
            state = search._truthful(state)
        raise Wrong(f"L1: pending after {len(state.calls) - made} more calls")

    def _truthful(self, state: State) -> State:
        p = RefundProcess(-1, LEASE, len(state.calls), 1, 3)
        ((_, state),) = self._judge("", state, p)
        while state.running:
            p = state.running
            call = state.calls[p.call]
            money = state.news[0]
            listed = None
            if call.cancels:
                word = Word.YES if state.alipay == CANCELLED else Word.REFUSED
            elif call.refunds:
                word = Word.ACCEPTED
                if self._takes_refund(state):
                    made = money._replace(ours=DONE, wish=state.wish)
                    state = state._replace(news=(made,))
                elif money.ours not in (OPEN, DONE):
                    word = Word.REFUSED
            elif call.asks_refund:
                *_, (_, _, word) = self._refund_inquiry_words(state, call)
            else:
                *_, (_, _, word) = list(super()._inquiry_words(state))[:2]
                listed = self._listed(state)[0] if word is Word.SHOWS_TAKEN else None
            answered = p._replace(said=word, listed=listed)
            ((_, state),) = self._store(state, answered, "running")
        return state


_WINDOW = RefundWorld("or refund", start=PAID, shop_says_paid=True)
_TURN = (Word.REFUSED, Word.SHOWS_TAKEN)
# What is answered after the turn: how the wish ends by it, in one pass.
_ENDS = (
    ("refunded", (*_TURN, Word.ACCEPTED, Word.REFUND_DONE)),
    ("refunded", (*_TURN, Word.REFUSED, Word.REFUND_DONE)),
    ("rejected", (*_TURN, Word.REFUSED, Word.UNKNOWN_REFUND, Word.SHOWS_TAKEN)),
    ("rejected", (*_TURN, Word.ACCEPTED, Word.REFUND_FAILED)),
    ("in_review", (*_TURN, Word.MIXED)),
    ("pending", (*_TURN, Word.ACCEPTED, Word.REFUND_OPEN)),
    ("pending", (*_TURN, Word.NO_WORD, Word.UNKNOWN_REFUND)),
)


def refunds_promptly(rules: Sequence[Rule] = RULES) -> None:
    """Raise Wrong unless these answers end a wish as soon as they can, and no sooner."""
    for ended, words in _ENDS:
        search = RefundSearch(replace(_WINDOW, name="prompt", calls=99), rules)
        state = search.first()
        money = Money(ours=DONE if ended == "refunded" else NONE)
        ((_, state),) = search._judge("", state, RefundProcess(-1, LEASE, 0, 1, 3))
        for word in words:
            if not state.running:
                break
            state = state._replace(news=(money._replace(turned=state.news[0].turned),))
            listed = Listed.NOTHING if word is Word.SHOWS_TAKEN else None
            said = state.running._replace(said=word, listed=listed)
            ((_, state),) = search._store(state, said, "running")
        if state.running or ended not in (state.ended, state.wish_state.value):
            told = " and ".join(words)
            raise Wrong(f"L3: {told} end as {state.ended or state.wish_state}, not {ended}")
        if ended == "pending" and (state.due is None or state.due <= 0):
            raise Wrong(f"L3: after {' and '.join(words)} it is due at once")


REFUND_SMALL = {
    world.name: world
    for world in (
        replace(_WINDOW, name="answers", calls=9, delays=2, refunds_later=True),
        replace(_WINDOW, name="asynchronous", asynchronous=True, calls=7, lags=True),
        replace(_WINDOW, name="a lost cancel", effects_later=True, calls=7),
        replace(_WINDOW, name="elsewhere", elsewhere=(PART, ALL, ALL_OPEN), calls=7, lags=True),
        replace(_WINDOW, name="a process stands still", dies=1, refunds_later=True, calls=6),
        replace(_WINDOW, name="persons", persons=1, mixed=True, calls=6),
        replace(_WINDOW, name="nothing is sent", not_sent=True, calls=7),
        replace(_WINDOW, name="closed in doubt", persons=1, mixed=True, wishes=2, calls=6),
        replace(_WINDOW, name="switched off", switched_off=True, effects_later=True, calls=6),
    )
}  # fmt: skip
REFUND_LARGE = {
    world.name: world
    for world in (
        replace(_WINDOW, name="all together", asynchronous=True, refunds_later=True, lags=True,
                effects_later=True, elsewhere=(PART, ALL, ALL_OPEN), dies=1, calls=8),
        replace(_WINDOW, name="two wishes", asynchronous=True, refunds_later=True, wishes=2,
                persons=2, mixed=True, calls=10),
        replace(_WINDOW, name="many delays", delays=4, refunds_later=True, calls=14),
    )
}  # fmt: skip
