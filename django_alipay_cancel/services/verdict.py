"""What the whole history of a payment says of one wish to cancel it: a pure function.

No models, no clock, no settings: a `History` goes in, a `Verdict` comes out. The rules stand at
the end, in their order, first match wins; each names the history that it is there for. Two facts of
the protocol make them what they are: a signed F carries no ids, so that it belongs to no request
and is never believed before an inquiry, bound by ids, agrees; and a cancel without an answer may
still take effect for a while (`Policy.quiet`), so that an inquiry sooner than that says nothing
against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.services.case import Case, Inquired
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    FactKind,
    History,
    Policy,
    WishState,
    Word,
)
from django_alipay_cancel.services.refund_rules import turn_to_refund, with_refund

Rule = Callable[[Case], Verdict | None]


def _review(case: Case, because: Because, told: Call | None = None) -> Verdict:
    """A person has to look, told by the last cancel unless another call tells more."""
    told = told or case.last or (case.own[-1] if case.own else None)
    step = case.step(told)
    refusals = [c for c in case.own if c.cancels and c.word in (Word.REFUSED, Word.UNKNOWN_PAYMENT)]
    if step is NextStep.CONTACT_ALIPAY and refusals:
        step = case.step(refusals[-1])
    return Verdict(act=Act.REVIEW, because=because, told=told, next_step=step)


def _ask_until_spent(case: Case, because: Because) -> Verdict | None:
    """Ask when it is due and quiet; when the delays are used up a person has to look."""
    if not case.wish.is_pending:
        return None
    if case.spent and case.last_inquiry is not None and not case.inquired_too_soon:
        return _review(case, because)
    return Verdict(act=Act.ASK, because=because, at=case.due_and_quiet)


def cancelled(case: Case) -> Verdict | None:
    """1. S for our ids, or an inquiry that shows CANCELLED: always wins, after a rejection too.

    One cancel takes effect and its answer is lost; the repeat gets F; the late S is stored.
    """
    for call in reversed(case.calls):
        if call.word in (Word.YES, Word.SHOWS_CANCELLED):
            return Verdict(
                act=Act.CANCELLED, because=Because.CANCELLED, told=call, next_step=NextStep.NONE
            )
    return None


def over(case: Case) -> Verdict | None:
    """A finished wish: nothing else opens it again."""
    if case.wish.state is not WishState.OVER:
        return None
    return Verdict(act=Act.WAIT, because=Because.NOTHING_TO_DO, next_step=NextStep.NONE)


def unpaid(case: Case) -> Verdict | None:
    """2. Alipay says that the payment failed: no money was taken, the wish is met.

    A failure after a signed "paid" contradicts it: only a person can tell. One before it was
    overtaken (the shop's own time-out, or messages out of order) and says nothing.
    """
    signed = [fact for fact in case.history.facts if fact.signed]
    failed = [fact.learned_at for fact in signed if fact.kind is FactKind.FAILED]
    paid_kinds = (FactKind.PAID, FactKind.CAPTURED)
    paid = [fact.learned_at for fact in signed if fact.kind in paid_kinds]
    told = None
    for call in case.calls:
        if call.cancels:
            continue
        if case.shown(call) is Word.SHOWS_FAILED:
            failed.append(call.ended_at)
            told = call
        elif case.shown(call) is Word.SHOWS_TAKEN and not case.held:
            paid.append(call.ended_at)
    if not failed or (paid and max(paid) > max(failed)):
        return None
    if not paid:
        return Verdict(act=Act.UNPAID, because=Because.UNPAID, told=told, next_step=NextStep.NONE)
    return _review(case, Because.FAILED_AFTER_PAID, told) if case.wish.is_pending else None


def calling(case: Case) -> Verdict | None:
    """3. A cancel is under way: whoever is quicker must not speak for it.

    Two commits before the first call, F and an inquiry: "not cancelled", the first still unsent.
    """
    until = [c.claim_until for c in case.cancels if c.said is None and case.now < c.claim_until]
    return Verdict(act=Act.WAIT, because=Because.CALLING, at=max(until)) if until else None


def paid_meanwhile(case: Case) -> Verdict | None:
    """4. The app by itself cancels no payment that anybody says is paid.

    The sweep asks (unpaid), its cancel is lost, the buyer pays, the notification is recorded.
    """
    if not (case.wish.no_result and case.taken):
        return None
    if not case.sent_any or case.inquired is Inquired.NOT:
        return Verdict(act=Act.REJECT, because=Because.PAID_MEANWHILE, next_step=NextStep.NONE)
    return _ask_until_spent(case, Because.PAID_MEANWHILE)


def trouble(case: Case) -> Verdict | None:
    """5. Other ids, or our request itself refused: repeating is useless, a person has to look."""
    if case.wish.is_pending and case.said in (Word.MIXED, Word.MISCONFIGURED):
        return _review(case, Because.TROUBLE, case.last)
    return None


def refused(case: Case) -> Verdict | None:
    """7. F, and an inquiry bound by ids agrees when no cancel of ours can still take effect.

    F ORDER_IS_CANCELED of a payment that an earlier, unanswered cancel has cancelled; the genuine F
    of another payment, played to this cancel.
    """
    if case.said is not Word.REFUSED or case.inquired is not Inquired.NOT:
        return None
    return Verdict(
        act=Act.REJECT, because=Because.REFUSED, told=case.last, next_step=case.step(case.last)
    )


def ask_about_answer(case: Case) -> Verdict | None:
    """8. F, or S without ids: whose answer it was, only an inquiry can say."""
    if not case.wish.is_pending or case.last_inquiry is not None:
        return None
    if case.said not in (Word.REFUSED, Word.S_UNBOUND):
        return None
    return Verdict(act=Act.ASK, because=Because.ASK_ABOUT_ANSWER, at=case.now)


def refusal_undecided(case: Case) -> Verdict | None:
    """8b. F, and the inquiry did not decide: ask again, never a repeated cancel.

    A lost cancel is still on its way; the repeat gets F; the inquiry says SUCCESS; then the lost
    one takes effect.
    """
    if case.said is not Word.REFUSED or case.inquired in (None, Inquired.NOT, Inquired.CANCELLING):
        return None
    if case.inquired is Inquired.MISCONFIGURED and case.wish.is_pending:
        return _review(case, Because.INQUIRY_MISCONFIGURED, case.last)
    return _ask_until_spent(case, Because.REFUSAL_UNDECIDED)


def unknown_payment(case: Case) -> Verdict | None:
    """9, 10. ORDER_NOT_EXIST: void once anything signed has shown the payment, before or after.

    Cancels overtake the pay: ORDER_NOT_EXIST three times, then the pay arrives.
    """
    if case.said is not Word.UNKNOWN_PAYMENT or case.known:
        return None
    if not (case.unknown_is_believed or case.spent):
        return None
    if case.inquired is Inquired.UNKNOWN_PAYMENT:
        return Verdict(
            act=Act.REJECT,
            because=Because.UNKNOWN_PAYMENT,
            told=case.last,
            next_step=NextStep.CHECK_PAYMENT_ID,
        )
    if case.last_inquiry is None and case.wish.is_pending:
        return Verdict(act=Act.ASK, because=Because.UNKNOWN_PAYMENT, at=case.now)
    return _ask_until_spent(case, Because.UNKNOWN_PAYMENT)


def under_way(case: Case) -> Verdict | None:
    """11. The inquiry shows a CANCEL or VOID that is neither done nor failed."""
    if case.inquired is not Inquired.CANCELLING:
        return None
    if case.wish.is_pending and case.spent:
        return _review(case, Because.UNDER_WAY)
    if case.wish.is_pending:
        return Verdict(act=Act.ASK, because=Because.UNDER_WAY, at=case.due)
    return None


def nothing_sent(case: Case) -> Verdict | None:
    """11b. For a day nothing could be sent: the way to Alipay is broken."""
    unsent_for = case.unsent_for
    if unsent_for is None or unsent_for < case.policy.not_sent_for:
        return None
    if case.wish.is_pending:
        tried = next(call for call in reversed(case.own) if call.cancels)
        return _review(case, Because.NOTHING_SENT, tried)
    return None


def repeat(case: Case) -> Verdict | None:
    """12. Neither yes nor no: the same again when it is due, from the second repeat on asked first.

    For a payment without a result only when an inquiry has just shown it as unpaid.
    """
    if not case.wish.is_pending or case.spent:
        return None
    if case.wish.no_result:
        cancels = case.shown_unpaid and case.due <= case.now
    else:
        cancels = len(case.uses) < 2 or case.inquired_now
    act = Act.CANCEL if cancels else Act.ASK
    return Verdict(act=act, because=Because.REPEAT, at=case.due)


def delays_used_up(case: Case) -> Verdict | None:
    """13. The delays are used up: one more inquiry, then a person has to look."""
    if not case.wish.is_pending:
        return None
    if case.last_inquiry is None:
        return Verdict(act=Act.ASK, because=Because.DELAYS_USED_UP, at=case.now)
    return _review(case, Because.DELAYS_USED_UP)


def in_review(case: Case) -> Verdict | None:
    """14. In review Alipay is asked every hour for three days, and one more cancel is tried.

    A named person's own check that shows "not cancelled" ends it; nobody else's does. The sweep's
    cancel stands still, its wish goes into review, the inquiry shows "unpaid", the buyer pays and
    is notified before that is stored: no cancel.
    """
    if case.wish.state is not WishState.IN_REVIEW:
        return None
    hourly = [call for call in case.own if call.by is AskedBy.REVIEW]
    step = NextStep.CHECK_ORDER_STATUS
    checked = case.last_inquiry
    if checked is not None and checked.by is AskedBy.PERSON and case.inquired is Inquired.NOT:
        return Verdict(act=Act.REJECT, because=Because.CHECKED_BY_PERSON, next_step=step)
    may_cancel = (
        case.inquired_now
        and case.inquired in (Inquired.NOT, Inquired.EARLY)
        and case.said is not Word.REFUSED
        and not any(call.cancels for call in hourly)
        and (not case.wish.no_result or (case.shown_unpaid and not case.taken))
    )
    if may_cancel and checked is not None and checked.by is AskedBy.REVIEW:
        return Verdict(act=Act.CANCEL, because=Because.IN_REVIEW, at=case.now)
    inquiries = sum(not call.cancels for call in hourly)
    if inquiries >= case.policy.review_inquiries:
        return Verdict(act=Act.WAIT, because=Because.IN_REVIEW)
    return Verdict(act=Act.ASK, because=Because.IN_REVIEW, at=case.due)


def no_wish(case: Case) -> Verdict | None:
    """A payment that says CANCELLING and has no open cancellation: rows were restored apart."""
    if case.wish.state is not WishState.NONE:
        return None
    if case.inquired is Inquired.NOT and case.inquired_now:
        return Verdict(act=Act.REJECT, because=Because.NO_WISH, next_step=NextStep.NONE)
    return Verdict(act=Act.ASK, because=Because.NO_WISH, at=case.due_and_quiet)


RULES: tuple[Rule, ...] = (
    cancelled,
    with_refund,
    over,
    unpaid,
    calling,
    paid_meanwhile,
    trouble,
    turn_to_refund,
    refused,
    ask_about_answer,
    refusal_undecided,
    unknown_payment,
    under_way,
    nothing_sent,
    repeat,
    delays_used_up,
    in_review,
    no_wish,
)


def verdict(
    history: History, now: datetime, policy: Policy, rules: Sequence[Rule] = RULES
) -> Verdict:
    """Return what this history says of its wish at `now`: the first rule that matches decides.

    `rules` are others in the model checker only, which switches each off to see what breaks.
    """
    case = Case(history, now, policy)
    for rule in rules:
        found = rule(case)
        if found is not None:
            return found
    return Verdict(act=Act.WAIT, because=Because.NOTHING_TO_DO)
