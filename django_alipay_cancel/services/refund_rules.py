"""The rules of a wish that says "or refund": when it turns, and how its refund ends.

Pure, like `verdict`, which reaches them for such wishes only. A refund is asked for once no cancel
of ours can still take effect and an inquiry after that has shown the payment as paid, not
cancelled, and with no refund by anybody: so that Alipay never gets both from us. From then on the
wish never goes back to cancelling. It is the same refund however often it is sent, and what became
of it is asked, bound by its id, before anything is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.services.case import Case, Inquired
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.services.history import AskedBy, Call, Listed, WishState, Word
from django_alipay_cancel.services.refund_case import RefundCase

RefundRule = Callable[[RefundCase], Verdict | None]
# An inquiry that says one of these has been about the refund and found none.
_NONE_THERE = (Word.UNKNOWN_REFUND, Word.REFUND_FAILED)


def with_refund(case: Case) -> Verdict | None:
    """1b. All is given back, an earlier refund is in doubt, or the wish has turned to a refund."""
    if not case.wish.or_refund and not any(call.refunds for call in case.history.calls):
        return None
    if case.wish.state is WishState.NONE:
        return None
    refunding = RefundCase(case)
    rules = REFUND_RULES if case.wish.refunds else BEFORE_THE_TURN
    found = (rule(refunding) for rule in rules)
    return next((verdict for verdict in found if verdict is not None), None)


def refunded(refunding: RefundCase) -> Verdict | None:
    """Alipay says that a refund of ours is done, or lists refunds that make up the whole amount."""
    for call in reversed(refunding.calls):
        if call.word is Word.REFUND_DONE or (
            refunding.case.wish.or_refund and refunding.lists(call) is Listed.ALL
        ):
            return Verdict(
                act=Act.REFUNDED, because=Because.REFUNDED, told=call, next_step=NextStep.NONE
            )
    return None


def wish_over(refunding: RefundCase) -> Verdict | None:
    """A finished wish: nothing else opens it again."""
    if refunding.case.wish.state is not WishState.OVER:
        return None
    return Verdict(act=Act.WAIT, because=Because.NOTHING_TO_DO, next_step=NextStep.NONE)


def refund_calling(refunding: RefundCase) -> Verdict | None:
    """A cancel or refund is under way: whoever is quicker must not speak for it."""
    now = refunding.case.now
    acting = [call for call in refunding.calls if call.cancels or call.refunds]
    until = [c.claim_until for c in acting if c.said is None and now < c.claim_until]
    if not until:
        return None
    return Verdict(act=Act.WAIT, because=Because.REFUND_CALLING, at=max(until))


def earlier_refund(refunding: RefundCase) -> Verdict | None:
    """A refund of an earlier wish that was closed by hand in doubt is asked about before all else.

    Its answer was lost, a person closed it as neither, somebody wishes anew: its cancel and the
    lost refund would be two.
    """
    doubtful = refunding.earlier_in_doubt
    if doubtful is None:
        return None
    asked = refunding.earlier_inquiries(doubtful)
    if refunding.case.wish.is_pending and len(asked) > len(refunding.case.policy.delays):
        told = asked[-1]
        return _review(refunding, Because.EARLIER_REFUND, told, NextStep.CHECK_REFUNDS)
    at = refunding.case.now
    if asked:
        at = asked[-1].ended_at + refunding.case.delay(len(asked))
    if refunding.quiet_at is not None:
        at = max(at, refunding.quiet_at)
    return Verdict(act=Act.ASK_REFUND, because=Because.EARLIER_REFUND, at=at, about=doubtful)


def refund_trouble(refunding: RefundCase) -> Verdict | None:
    """Other ids or another amount, or our request itself refused: a person has to look."""
    last = refunding.own_refund_calls[-1:]
    if not last or last[0].word not in (Word.MIXED, Word.MISCONFIGURED):
        return None
    return _review(refunding, Because.TROUBLE, last[0])


def refund_failed(refunding: RefundCase) -> Verdict | None:
    """Alipay says of this very refund that it failed, when none of ours can still take effect."""
    if refunding.inquired is not Word.REFUND_FAILED:
        return None
    if not refunding.inquired_after_quiet:
        return _ask_refund(refunding, Because.REFUND_FAILED, quiet=True)
    return _reject(refunding, Because.REFUND_FAILED, refunding.refusal or refunding.inquiry)


def refund_refused(refunding: RefundCase) -> Verdict | None:
    """F: belongs to no request, so that the refund is asked about, then the payment, then decided.

    ORDER_IS_CANCELED of a payment that somebody else has cancelled; REFUND_AMOUNT_EXCEED, since a
    refund whose answer was lost is the one that exceeds.
    """
    if refunding.refusal is None or refunding.inquired is Word.REFUND_OPEN:
        return None
    if refunding.inquired not in _NONE_THERE or not refunding.inquired_after_quiet:
        return _ask_refund(refunding, Because.REFUND_REFUSED, quiet=True)
    payment = refunding.payment_inquiry
    listed = refunding.lists(payment) if payment else None
    if listed is Listed.NOTHING:
        return _reject(refunding, Because.REFUND_REFUSED, refunding.refusal)
    if listed in (Listed.PART, Listed.UNCLEAR):
        return _reject(refunding, Because.REFUNDS_LISTED, refunding.refusal, NextStep.CHECK_REFUNDS)
    if listed is Listed.CONTRADICTED:
        return _review(refunding, Because.AMOUNT_CONTRADICTED, refunding.refusal)
    if refunding.spent and payment is not None:
        return _review(refunding, Because.REFUND_REFUSED, refunding.refusal)
    return _ask(refunding, Because.REFUND_REFUSED, refunding.due if payment else refunding.case.now)


def refund_under_way(refunding: RefundCase) -> Verdict | None:
    """An asynchronous refund is waited for, on the schedule and then at its longest delay."""
    if refunding.inquired is not Word.REFUND_OPEN:
        return None
    if refunding.lasts_too_long:
        return _review(refunding, Because.REFUND_UNDER_WAY, refunding.inquiry)
    return _ask_refund(refunding, Because.REFUND_UNDER_WAY)


def unknown(refunding: RefundCase) -> Verdict | None:
    """Neither yes nor no: asked at once, and the same refund again when Alipay has none of it."""
    if refunding.inquired is None:
        if refunding.nothing_was_sent:
            return _send_again(refunding)
        return _ask_refund(refunding, Because.REFUND_UNKNOWN)
    if refunding.spent:
        return _review(refunding, Because.DELAYS_USED_UP, refunding.last or refunding.inquiry)
    if refunding.inquired is Word.UNKNOWN_REFUND:
        return _send_again(refunding)
    return _ask_refund(refunding, Because.REFUND_UNKNOWN)


def turn_to_refund(case: Case) -> Verdict | None:
    """7a. F whose next step is a refund, believed: the wish goes on by other means.

    A check now is no reason to turn: the inquiry has to be one of the pass that holds the claim.
    """
    if not (case.wish.or_refund and case.policy.refunds and case.wish.is_pending):
        return None
    if case.said is not Word.REFUSED or case.inquired is not Inquired.NOT:
        return None
    inquiry = case.last_inquiry
    if inquiry is None or case.shown(inquiry) is not Word.SHOWS_TAKEN:
        return None
    refunding = RefundCase(case)
    if inquiry.listed in (Listed.PART, Listed.UNCLEAR):
        return _reject(refunding, Because.REFUNDS_LISTED, case.last, NextStep.CHECK_REFUNDS)
    if inquiry.listed is Listed.UNDER_WAY:
        if case.spent:
            return _review(refunding, Because.REFUNDS_LISTED, case.last, NextStep.CHECK_REFUNDS)
        return Verdict(act=Act.ASK, because=Because.REFUNDS_LISTED, at=case.due)
    if not refunding.is_the_way:
        return None
    if inquiry.listed is Listed.CONTRADICTED:
        return _review(refunding, Because.AMOUNT_CONTRADICTED, case.last)
    turns = inquiry.listed is Listed.NOTHING and case.inquired_now
    act = Act.REFUND if turns else Act.ASK
    return Verdict(act=act, because=Because.TURNS_TO_REFUND, at=case.now)


BEFORE_THE_TURN: tuple[RefundRule, ...] = (refunded, wish_over, refund_calling, earlier_refund)
REFUND_RULES: tuple[RefundRule, ...] = (
    refunded,
    wish_over,
    refund_calling,
    refund_trouble,
    refund_failed,
    refund_refused,
    refund_under_way,
    unknown,
)


def _ask_refund(refunding: RefundCase, because: Because, *, quiet: bool = False) -> Verdict:
    """Ask about the refund: now when nobody has since it was sent, else when it is due."""
    if refunding.in_review:
        return _hourly(refunding, Act.ASK_REFUND)
    asked = refunding.inquiry is not None
    if refunding.spent and asked and because is not Because.REFUND_UNDER_WAY:
        return _review(refunding, because, refunding.refusal or refunding.inquiry)
    throttled = refunding.last is not None and refunding.last.word is Word.THROTTLED
    at = refunding.due if asked or throttled else refunding.case.now
    if quiet and refunding.quiet_at is not None:
        at = max(at, refunding.quiet_at)
    return Verdict(act=Act.ASK_REFUND, because=because, at=at)


def _ask(refunding: RefundCase, because: Because, at: datetime) -> Verdict:
    if refunding.in_review:
        return _hourly(refunding, Act.ASK)
    return Verdict(act=Act.ASK, because=because, at=at)


def _send_again(refunding: RefundCase) -> Verdict:
    """The same refund once more; in review nothing is sent, and for a day in vain is enough."""
    if refunding.in_review:
        return _hourly(refunding, Act.ASK_REFUND)
    if refunding.is_unsendable:
        return _review(refunding, Because.NOTHING_SENT, refunding.own_refund_calls[-1])
    return Verdict(act=Act.REFUND, because=Because.REFUND_UNKNOWN, at=refunding.due)


def _hourly(refunding: RefundCase, act: Act) -> Verdict:
    asked = sum(call.by is AskedBy.REVIEW for call in refunding.own)
    if asked >= refunding.case.policy.review_inquiries:
        return Verdict(act=Act.WAIT, because=Because.IN_REVIEW)
    return Verdict(act=act, because=Because.IN_REVIEW, at=refunding.due)


def _reject(
    refunding: RefundCase, because: Because, told: Call | None, step: NextStep | None = None
) -> Verdict:
    step = step or refunding.step(told)
    return Verdict(act=Act.REJECT, because=because, told=told, next_step=step)


def _review(
    refunding: RefundCase, because: Because, told: Call | None, step: NextStep | None = None
) -> Verdict:
    if refunding.in_review:
        return _hourly(refunding, Act.ASK_REFUND)
    step = step or refunding.step(told)
    return Verdict(act=Act.REVIEW, because=because, told=told, next_step=step)
