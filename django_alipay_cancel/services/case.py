"""What follows from a history: until when a cancel may take effect, what was asked, what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from django_alipay_cancel.alipay.results import NextStep, next_step
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    FactKind,
    History,
    Policy,
    Wish,
    WishState,
    Word,
)


class Inquired(StrEnum):
    """What the last inquiry after the last cancel's answer is worth."""

    NOT = "not"  # not cancelled, and no cancel of ours can still take effect
    EARLY = "early"  # not cancelled, but one still can
    CANCELLING = "cancelling"
    UNKNOWN_PAYMENT = "unknown_payment"
    MISCONFIGURED = "misconfigured"
    NO_WORD = "no_word"


_SHOWS = frozenset(word for word in Word if word.startswith("SHOWS_"))
# Its answer, over a verified channel, says that it did nothing.
_WITHOUT_EFFECT = frozenset({Word.NOTHING_SENT, Word.REFUSED, Word.UNKNOWN_PAYMENT})
_USES_A_DELAY = frozenset({Word.NO_WORD, Word.THROTTLED, Word.UNKNOWN_PAYMENT, Word.S_UNBOUND})
_TAKEN = frozenset({FactKind.PAID, FactKind.AUTHORIZED, FactKind.CAPTURED})


@dataclass(frozen=True)
class Case:
    """A history with what is derived from it, each once."""

    history: History
    now: datetime
    policy: Policy

    @property
    def wish(self) -> Wish:
        return self.history.wish

    @cached_property
    def calls(self) -> Sequence[Call]:
        return [call for call in self.history.calls if not call.of_refund]

    @cached_property
    def cancels(self) -> list[Call]:
        """The cancels of the payment, whoever wished them."""
        return [call for call in self.calls if call.cancels]

    @cached_property
    def quiet_at(self) -> datetime | None:
        """From when on no cancel of this payment can take effect any more; None: none can now."""
        ends = [
            call.ended_at + self.policy.quiet
            for call in self.cancels
            if call.word not in _WITHOUT_EFFECT
        ]
        return max(ends, default=None)

    @property
    def quiet_until(self) -> datetime | None:
        """Until when a cancel of this payment may still take effect; None: none can."""
        return self.quiet_at if self.quiet_at and self.quiet_at > self.now else None

    @cached_property
    def own(self) -> list[Call]:
        """The calls of this wish since it was last asked for; without a wish, all."""
        if self.wish.state is WishState.NONE:
            return list(self.calls)
        since = self.wish.asked_at
        return [c for c in self.calls if c.wish == self.wish.key and c.opened_at >= since]

    @cached_property
    def last(self) -> Call | None:
        """The last cancel of this wish that Alipay may have seen."""
        sent = (call for call in reversed(self.own) if call.cancels and call.was_sent)
        return next(sent, None)

    @cached_property
    def said(self) -> Word | None:
        return self.last.word if self.last else None

    def shown(self, inquiry: Call) -> Word:
        """Return the inquiry's word: one older than what Alipay had signed already is played again.

        CANCELLED is never left, so that an old one is as good as a new one.
        """
        word = inquiry.word
        if inquiry.response_time is None or word is Word.SHOWS_CANCELLED:
            return word
        newest = inquiry.response_time + self.policy.quiet
        for other in self.calls:
            if other is inquiry or other.response_time is None:
                continue
            if other.ended_at <= inquiry.ended_at and other.response_time > newest:
                return Word.NO_WORD
        return word

    @cached_property
    def last_inquiry(self) -> Call | None:
        """The last inquiry opened after the last cancel was answered, and beside no other."""
        since = self.last.ended_at if self.last else self.wish.asked_at
        for call in reversed(self.calls):
            if call is self.last:
                return None
            if call.cancels or call.opened_at < since or self._is_open(call):
                continue
            if not any(c.opened_at <= call.opened_at < c.ended_at for c in self.cancels):
                return call
        return None

    def _is_open(self, call: Call) -> bool:
        return call.said is None and self.now < call.claim_until

    @cached_property
    def inquired(self) -> Inquired | None:
        call = self.last_inquiry
        if call is None:
            return None
        word = self.shown(call)
        after_quiet = self.quiet_at is None or call.opened_at >= self.quiet_at
        if word in (Word.SHOWS_TAKEN, Word.SHOWS_UNPAID):
            return Inquired.NOT if after_quiet else Inquired.EARLY
        if word is Word.SHOWS_CANCELLING:
            return Inquired.CANCELLING
        if word is Word.UNKNOWN_PAYMENT and after_quiet:
            return Inquired.UNKNOWN_PAYMENT
        return Inquired.MISCONFIGURED if word is Word.MISCONFIGURED else Inquired.NO_WORD

    @cached_property
    def inquired_too_soon(self) -> bool:
        """Whether the last inquiry was opened while a cancel could still take effect."""
        call = self.last_inquiry
        return call is not None and self.quiet_at is not None and call.opened_at < self.quiet_at

    @cached_property
    def known(self) -> bool:
        """Whether anything signed by Alipay has ever shown this payment."""
        return any(fact.signed for fact in self.history.facts) or any(
            not call.cancels and self.shown(call) in _SHOWS for call in self.calls
        )

    @cached_property
    def taken(self) -> bool:
        """Whether anybody says that the buyer's money was taken or is held."""
        return any(fact.kind in _TAKEN for fact in self.history.facts) or self._shows_taken

    @cached_property
    def _shows_taken(self) -> bool:
        return any(not call.cancels and self.shown(call) is Word.SHOWS_TAKEN for call in self.calls)

    def _has(self, *kinds: FactKind) -> bool:
        return any(fact.kind in kinds for fact in self.history.facts)

    @cached_property
    def held(self) -> bool:
        """Whether the money is only held: authorized and not captured."""
        return self._has(FactKind.AUTHORIZED) and not self._has(FactKind.PAID, FactKind.CAPTURED)

    @cached_property
    def sent_any(self) -> bool:
        """Whether Alipay may have seen any cancel of this payment."""
        return any(call.was_sent for call in self.cancels)

    @cached_property
    def unknown_answers(self) -> int:
        """How many cancels of this wish were answered ORDER_NOT_EXIST."""
        return sum(c.cancels and c.word is Word.UNKNOWN_PAYMENT for c in self.own)

    @cached_property
    def unknown_is_believed(self) -> bool:
        """Whether so many cancels came before any pay that there may be none."""
        before = self.last.opened_at if self.last else self.now
        recorded = any(
            fact.kind in _TAKEN and not fact.signed and fact.learned_at <= before
            for fact in self.history.facts
        )
        return self.unknown_answers >= (1 if recorded else self.policy.early)

    @cached_property
    def uses(self) -> list[Call]:
        """The calls of this wish that used a delay up: those that decided nothing."""
        used: list[Call] = []
        said: Word | None = None
        under_way = False
        for call in self.own:
            if self._is_open(call):
                continue
            if call.cancels:
                if call.was_sent:
                    said, under_way = call.word, False
                if call.word in _USES_A_DELAY:
                    used.append(call)
                continue
            if call.by is not AskedBy.SCHEDULE:
                continue
            word = self.shown(call)
            required = (
                call.said is None  # abandoned: what cannot be stored must end too
                or said is Word.REFUSED
                or (said is Word.UNKNOWN_PAYMENT and self.unknown_is_believed and not self.known)
                or under_way
                or word is Word.SHOWS_CANCELLING
                or (self.wish.no_result and word is not Word.SHOWS_UNPAID)
            )
            under_way = word is Word.SHOWS_CANCELLING
            if required:
                used.append(call)
        return used

    @cached_property
    def spent(self) -> bool:
        """Whether the delays are used up: n of them carry n + 1 cancels."""
        return len(self.uses) > len(self.policy.delays)

    @cached_property
    def since_claim(self) -> Sequence[Call]:
        """The calls of the pass that judges, and of others meanwhile."""
        return self.history.calls[self.wish.seen :]

    @cached_property
    def due(self) -> datetime:
        """When this wish is due: as its claim found it, until a call of its own moves that."""
        mine = {id(call) for call in self.own}
        uses = {id(call) for call in self.uses}
        for call in reversed(self.since_claim):
            if id(call) not in mine or self._is_open(call):
                continue
            if call.by is AskedBy.REVIEW:
                return call.ended_at + self.policy.review_every
            if call.word is Word.NOTHING_SENT and call.cancels:
                return call.ended_at + self._resend_delay
            if id(call) in uses:
                return call.ended_at + self.delay(len(self.uses))
        return self.wish.asked_at if self.wish.due is None else self.wish.due

    def delay(self, number: int) -> timedelta:
        """Return delay `number`, counted from 1; the last one for all that come after it."""
        return self.policy.delays[max(0, min(number, len(self.policy.delays)) - 1)]

    @cached_property
    def _resend_delay(self) -> timedelta:
        unsent = sum(call.cancels and not call.was_sent for call in self.own)
        return min(self.delay(len(self.uses) + unsent), self.policy.longest_resend_delay)

    @cached_property
    def due_and_quiet(self) -> datetime:
        return self.due if self.quiet_at is None else max(self.due, self.quiet_at)

    @cached_property
    def unsent_for(self) -> timedelta | None:
        """Over how long nothing could be sent, from the first to the last cancel in a row."""
        run: list[Call] = []
        for call in reversed(self.own):
            if call.cancels:
                if call.was_sent:
                    break
                run.append(call)
        return run[0].opened_at - run[-1].opened_at if run else None

    @cached_property
    def shown_unpaid(self) -> bool:
        """Whether an inquiry after the wish's last cancel just showed the payment as unpaid."""
        for call in reversed(self.calls):
            if call.cancels and call.wish == self.wish.key:
                return False
            if not call.cancels and self.shown(call) is Word.SHOWS_UNPAID:
                return self.now - call.opened_at <= self.policy.fresh
        return False

    @cached_property
    def inquired_now(self) -> bool:
        """Whether the last inquiry was made by the pass that judges."""
        return any(call is self.last_inquiry for call in self.since_claim)

    def step(self, call: Call | None) -> NextStep:
        """Return what an answer asks of the merchant, by code and then by the payment's facts."""
        step = (
            next_step(result_code=call.code, error=call.error) if call else NextStep.CONTACT_ALIPAY
        )
        if step is not NextStep.REFUND:
            return step
        if self.history.refund_listed:
            return NextStep.CHECK_REFUNDS
        if self.held:
            return NextStep.RELEASE_OR_CAPTURE
        return NextStep.REFUND if self.taken else NextStep.CHECK_ORDER_STATUS
