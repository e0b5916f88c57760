"""What follows from a history for a refund: what was said of it, what was asked, what is due."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django_alipay_cancel.alipay.refunds import refund_next_step
from django_alipay_cancel.alipay.results import NextStep, next_step
from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.history import AskedBy, Call, Listed, WishState, Word

# Its answer, over a verified channel, says that nothing of it is still to come.
_WITHOUT_EFFECT = frozenset({Word.NOTHING_SENT, Word.REFUSED, Word.ACCEPTED})
_ANSWERED = frozenset({Word.REFUND_DONE, Word.REFUND_FAILED, Word.UNKNOWN_REFUND})


@dataclass(frozen=True)
class RefundCase:
    """A case with what is derived from it for the refund of its wish, each once."""

    case: Case

    @property
    def calls(self) -> Sequence[Call]:
        return self.case.history.calls

    @property
    def in_review(self) -> bool:
        return self.case.wish.state is WishState.IN_REVIEW

    @cached_property
    def refunds(self) -> list[Call]:
        """The refunds of this wish, of whatever time: they are one at Alipay."""
        return [c for c in self.calls if c.refunds and c.wish == self.case.wish.key]

    @cached_property
    def quiet_at(self) -> datetime | None:
        """From when on no refund of this payment is under way to Alipay; None: none is now."""
        acting = [c for c in self.calls if c.refunds and c.word not in _WITHOUT_EFFECT]
        return max(map(self._effect_until, acting), default=None)

    @property
    def quiet_until(self) -> datetime | None:
        """Until when a refund of this payment may still reach Alipay; None: none can."""
        return self.quiet_at if self.quiet_at and self.quiet_at > self.case.now else None

    @cached_property
    def own(self) -> list[Call]:
        """The calls of this wish since its refund began and since it was last asked for."""
        # By their order: the inquiry before the first refund may be of the same moment.
        place = self.calls.index(self.refunds[0]) if self.refunds else 0
        key, since = self.case.wish.key, self.case.wish.asked_at
        return [c for c in self.calls[place:] if c.wish == key and c.opened_at >= since]

    @cached_property
    def own_refund_calls(self) -> list[Call]:
        return [call for call in self.own if call.of_refund and call.said is not None]

    @cached_property
    def last(self) -> Call | None:
        """The last refund of this wish that Alipay may have seen."""
        return next((call for call in reversed(self.refunds) if call.was_sent), None)

    @property
    def refusal(self) -> Call | None:
        """The last refund, when Alipay refused it."""
        return self.last if self.last and self.last.word is Word.REFUSED else None

    @cached_property
    def _asked_since(self) -> datetime:
        ended = [call.ended_at for call in self.refunds if call.was_sent]
        return max([*ended, self.case.wish.asked_at])

    @cached_property
    def inquiry(self) -> Call | None:
        """The last inquiry of the refund since it was sent."""
        for call in reversed(self.own):
            if call is self.last:
                return None  # by their order too: both may be of the same moment
            asks = call.asks_refund and not self._is_open(call)
            if asks and call.opened_at >= self._asked_since:
                return call
        return None

    @property
    def inquired(self) -> Word | None:
        return self.inquiry.word if self.inquiry else None

    @property
    def inquired_after_quiet(self) -> bool:
        """Whether no refund was on its way to Alipay when the last inquiry was made."""
        if self.inquiry is None:
            return False
        return self.quiet_at is None or self.inquiry.opened_at >= self.quiet_at

    @cached_property
    def payment_inquiry(self) -> Call | None:
        """The last inquiry of the payment after that of its refund."""
        if self.inquiry is None:
            return None
        for call in reversed(self.calls):
            if call is self.inquiry:
                return None
            if not call.cancels and not call.of_refund and not self._is_open(call):
                return call
        return None

    def lists(self, call: Call) -> Listed | None:
        """Return what an inquiry lists, if it shows the payment as taken; an old one is no word."""
        return call.listed if self.case.shown(call) is Word.SHOWS_TAKEN else None

    def _is_open(self, call: Call) -> bool:
        return call.said is None and self.case.now < call.claim_until

    @property
    def nothing_was_sent(self) -> bool:
        """Whether the last refund never left, so that there is nothing to ask about."""
        return bool(self.refunds) and not self.refunds[-1].was_sent and self.last is None

    @property
    def is_unsendable(self) -> bool:
        """Whether for a day nothing could be sent: the way to Alipay is broken."""
        unsent: list[Call] = []
        for call in reversed(self.refunds):
            if call.was_sent:
                break
            unsent.append(call)
        if not unsent:
            return False
        return unsent[0].opened_at - unsent[-1].opened_at >= self.case.policy.not_sent_for

    @cached_property
    def uses(self) -> list[Call]:
        """The calls that used a delay up, a refund under way included."""
        return [
            call
            for call in self.own
            if not self._is_open(call)
            and call.by is AskedBy.SCHEDULE
            and (
                not (call.refunds or call.cancels)
                or call.word in (Word.NOTHING_SENT, Word.THROTTLED)
            )
        ]

    @cached_property
    def spent(self) -> bool:
        """Whether the delays are used up by calls that brought nothing."""
        waited = sum(call.word is Word.REFUND_OPEN for call in self.uses)
        return len(self.uses) - waited > len(self.case.policy.delays)

    @property
    def lasts_too_long(self) -> bool:
        began = self.refunds[0].opened_at if self.refunds else self.case.wish.asked_at
        since = max(began, self.case.wish.asked_at)
        return self.case.now - since >= self.case.policy.refund_lasts

    @cached_property
    def due(self) -> datetime:
        """When this wish is due: as its claim found it, until a call of its own moves that."""
        mine = {id(call) for call in self.own}
        uses = {id(call) for call in self.uses}
        for call in reversed(self.case.since_claim):
            if id(call) not in mine or self._is_open(call):
                continue
            if call.by is AskedBy.REVIEW:
                return call.ended_at + self.case.policy.review_every
            if id(call) in uses:
                return call.ended_at + self.case.delay(len(self.uses))
        return self.case.wish.asked_at if self.case.wish.due is None else self.case.wish.due

    def step(self, told: Call | None) -> NextStep:
        """Return what an answer about a refund, or a cancel, asks of the merchant."""
        if told is None:
            return NextStep.CONTACT_ALIPAY
        if told.cancels:
            return NextStep.CONTACT_ALIPAY
        return refund_next_step(result_code=told.code, error=told.error)

    @property
    def is_the_way(self) -> bool:
        """Whether the refused cancel asks for a refund of what was paid, and not only held."""
        last = self.case.last
        asks = last is not None and next_step(result_code=last.code) is NextStep.REFUND
        return asks and self.case.taken and not self.case.held

    @cached_property
    def earlier_in_doubt(self) -> Hashable:
        """The earlier wish whose refund nobody has asked about since; None without any."""
        own = self.case.wish.key
        sent = [c for c in self.calls if c.refunds and c.was_sent and c.wish != own]
        for key in dict.fromkeys(call.wish for call in sent):
            ended = max(self._effect_until(call) for call in sent if call.wish == key)
            asked = [c for c in self.calls if c.asks_refund and c.wish == key]
            if not any(c.opened_at >= ended and c.word in _ANSWERED for c in asked):
                return key
        return None

    def _effect_until(self, refund: Call) -> datetime:
        if refund.word in _WITHOUT_EFFECT:
            return refund.ended_at
        return refund.ended_at + self.case.policy.quiet

    def earlier_inquiries(self, key: Hashable) -> list[Call]:
        """Return the inquiries of an earlier wish's refund that were made for this one."""
        since = self.case.wish.asked_at
        asked = [call for call in self.calls if call.asks_refund and call.wish == key]
        return [call for call in asked if call.opened_at >= since and not self._is_open(call)]
