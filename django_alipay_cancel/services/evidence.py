"""The history of a payment: read from its rows for the verdict, and added to by what is learned."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.utils import timezone
from django_fsm import can_proceed

from django_alipay_cancel import signals
from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.clock import storable
from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent
from django_alipay_cancel.services.actor import account, name_of
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    Fact,
    FactKind,
    History,
    Listed,
    Wish,
    WishState,
    Word,
)

Kind = CancellationAttempt.Kind

logger = logging.getLogger(__name__)

# A person may check one payment ten thousand times; the rules look at the latest calls.
_MOST_CALLS = 500
_STATES = {
    Cancellation.Status.PENDING: WishState.PENDING,
    Cancellation.Status.NEEDS_REVIEW: WishState.IN_REVIEW,
}
FACT_FIELDS = {
    FactKind.AUTHORIZED: "authorized_at",
    FactKind.PAID: "paid_at",
    FactKind.FAILED: "failed_at",
}
_CALL = (
    "pk",
    "kind",
    "cancellation_id",
    "sent_at",
    "claim_until",
    "finished_at",
    "said",
    "result_code",
    "result_message",
    "error",
    "asked_by",
    "response_time",
    "refund_status",
)


def history_of(
    payment: Payment,
    cancellation: Cancellation | None,
    *,
    claimed_at: datetime | None = None,
    seen: int | None = None,
) -> History:
    """Read the history of the payment for a verdict on this cancellation, or on none.

    `seen` is the key of the last attempt that the claim of `claimed_at` found; without a claim the
    row's own due time stands.
    """
    attempts = as_committed(
        CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    )
    rows = list(attempts.order_by("-pk").values_list(*_CALL, named=True)[:_MOST_CALLS])[::-1]
    known = sum(row.pk <= seen for row in rows) if seen is not None else len(rows)
    return History(
        wish=_wish(payment, cancellation, claimed_at, known),
        calls=[_call(row) for row in rows],
        facts=_facts(payment),
        refund_listed=payment.refunded_value is not None,
    )


def _wish(
    payment: Payment, cancellation: Cancellation | None, claimed_at: datetime | None, known: int
) -> Wish:
    if cancellation is None:
        return Wish(
            key=None, state=WishState.NONE, asked_at=payment.created_at, due=None, seen=known
        )
    return Wish(
        key=cancellation.pk,
        state=_STATES.get(Cancellation.Status(cancellation.status), WishState.OVER),
        no_result=cancellation.source == Cancellation.Source.NO_RESULT,
        or_refund=cancellation.or_refund,
        refunds=cancellation.refunds,
        asked_at=cancellation.asked_at,
        due=claimed_at or cancellation.next_attempt_at,
        seen=known,
    )


def _call(row: Any) -> Call:
    return Call(
        cancels=row.kind == Kind.CANCEL,
        refunds=row.kind == Kind.REFUND,
        asks_refund=row.kind == Kind.REFUND_INQUIRY,
        listed=Listed(row.refund_status)
        if row.kind == Kind.INQUIRY and row.refund_status
        else None,
        wish=row.cancellation_id,
        opened_at=row.sent_at,
        claim_until=row.claim_until,
        answered_at=row.finished_at,
        said=Word(row.said) if row.said else None,
        code=row.result_code,
        message=row.result_message,
        error=row.error,
        by=AskedBy(row.asked_by),
        response_time=row.response_time,
    )


def _facts(payment: Payment) -> list[Fact]:
    events = PaymentEvent.objects.using(payment.database).filter(
        payment=payment, kind__in=list(FactKind)
    )
    events = as_committed(events)
    facts = [
        Fact(FactKind(kind), learned_at, signed=source in PaymentEvent.SIGNED)
        for kind, learned_at, source in events.values_list("kind", "learned_at", "source")
    ]
    told = {fact.kind for fact in facts}
    # A payment written without `record_payment`: the shop said so when it wrote the row.
    facts += [
        Fact(kind, payment.created_at, signed=False)
        for kind, field in FACT_FIELDS.items()
        if getattr(payment, field) and kind not in told
    ]
    return facts


def append_event(
    payment: Payment,
    kind: str,
    *,
    source: str,
    at: datetime | None = None,
    person: Any = None,
    text: str = "",
) -> None:
    """Append one event, in the caller's transaction; what repeats a known fact is left out."""
    now = timezone.now()
    events = PaymentEvent.objects.using(payment.database)
    if kind in list(FactKind):
        same = events.filter(payment=payment, kind=kind)
        sources = PaymentEvent.SIGNED if source in PaymentEvent.SIGNED else (source,)
        if same.filter(source__in=sources).exists():
            return
    events.create(
        payment=payment,
        kind=kind,
        at=storable(at) or now,
        learned_at=now,
        source=source,
        person=account(person),
        person_name=name_of(person),
        text=text,
    )


def was_paid_after_cancellation(payment: Payment) -> bool:
    """Whether "paid" was heard of after "cancelled", by the order in which both were learned.

    For a payment with `paid_at`. The times of the facts are of other clocks, the shop's and
    Alipay's, and are not compared.
    """
    assert payment.paid_at is not None
    # Without an event of that very fact, the shop has told it when it wrote the row.
    events = PaymentEvent.objects.using(payment.database).filter(
        payment=payment, kind=PaymentEvent.Kind.PAID, at=payment.paid_at
    )
    paid = events.aggregate(at=Min("learned_at"))["at"] or payment.created_at
    wishes = Cancellation.objects.using(payment.database).filter(payment=payment)
    ended = wishes.filter(status=Cancellation.Status.SUCCEEDED).aggregate(at=Min("finished_at"))
    calls = CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    told = calls.filter(said__in=[Word.YES, Word.SHOWS_CANCELLED]).aggregate(at=Min("finished_at"))
    heard = [at for at in (ended["at"], told["at"]) if at is not None]
    return bool(heard) and min(heard) < paid


def take_over(payment: Payment, answer: Answer, word: Word) -> None:
    """Store what a believed inquiry shows of the payment; the caller holds its lock."""
    if word in (Word.NO_WORD, Word.NOTHING_SENT, Word.MISCONFIGURED):
        return
    now = timezone.now()
    payment.checked_at = now
    payment.checked_status = answer.payment_status or answer.result_code
    fields = ["checked_at", "checked_status", "updated_at"]
    if answer.refund_listed:
        payment.refunded_value = answer.refunded_value or 0
        fields.append("refunded_value")
    facts = _shown(payment, answer, word, now)
    fields += learn(payment, facts, by_alipay=True)
    payment.store(*fields)
    for kind, at in facts.items():
        append_event(payment, kind, source=PaymentEvent.Source.INQUIRY, at=at)
    announce_late_fact(payment, fields)


def _shown(payment: Payment, answer: Answer, word: Word, now: datetime) -> dict[FactKind, datetime]:
    if word is Word.SHOWS_FAILED:
        return {FactKind.FAILED: now}
    if word is not Word.SHOWS_TAKEN:
        return {}
    at = storable(answer.payment_time) or now
    if answer.captured:
        return {FactKind.CAPTURED: at, FactKind.PAID: at}
    # An authorized payment shows as SUCCESS before its capture too.
    if answer.auth_expires_at or (payment.authorized_at and not payment.paid_at):
        return {FactKind.AUTHORIZED: at}
    return {FactKind.PAID: at}


def learn(payment: Payment, facts: dict[FactKind, datetime], *, by_alipay: bool) -> list[str]:
    """Put facts that are new on the payment, in memory, and let its status follow them.

    Out of FAIL only Alipay's word leads. Returns the fields that changed.
    """
    changed = []
    for kind, follow in (
        (FactKind.AUTHORIZED, payment.record_authorized),
        (FactKind.PAID, payment.record_paid),
        (FactKind.FAILED, payment.record_failed),
    ):
        if kind not in facts:
            continue
        field = FACT_FIELDS[kind]
        if not getattr(payment, field):
            setattr(payment, field, facts[kind])
            changed.append(field)
        failed = payment.status == Payment.Status.FAIL
        if can_proceed(follow) and (by_alipay or not failed):
            follow(facts[kind])
    return changed


def announce_late_fact(payment: Payment, fields: Iterable[str]) -> None:
    """Warn and signal, after the commit, when "paid" came where nobody expected it any more.

    For whoever has just stored `fields`: once per new fact.
    """
    if "paid_at" not in fields:
        return
    if payment.status == Payment.Status.CANCELLED:
        signal = signals.paid_after_cancellation
    elif payment.failed_at:
        signal = signals.paid_after_failure
    elif _was_called_unknown(payment):
        signal = signals.paid_after_rejection
    else:
        return
    logger.warning("Payment %s was reported as paid although it is %s.", payment.id, payment.status)
    transaction.on_commit(
        lambda: signal.send_robust(Payment, payment=payment), using=payment.database
    )


def _was_called_unknown(payment: Payment) -> bool:
    cancellations = Cancellation.objects.using(payment.database).filter(payment=payment)
    unknown = cancellations.filter(
        status=Cancellation.Status.REJECTED, result_code="ORDER_NOT_EXIST"
    )
    return bool(unknown.exists())
