"""Erasure: what names or describes a person is taken out, what accounts and disputes need stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.exceptions import StillOpen
from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import (
    Batch,
    Cancellation,
    CancellationAttempt,
    Payment,
    PaymentEvent,
)
from django_alipay_cancel.services.actor import account, name_of
from django_alipay_cancel.services.transactions import atomically

# Stands for who closed a cancellation: without a name it would look as if Alipay had ended it.
REMOVED = "[removed]"
_NAMED_IN_REFUSAL = 5


@dataclass(frozen=True, kw_only=True)
class ForgetReport:
    """How many rows were blanked, by table, and in sentences what was kept and why."""

    payments: int
    cancellations: int
    calls: int
    events: int
    batches: int
    kept: tuple[str, ...]


def forget_customer(user: Any, *, references: bool = False) -> ForgetReport:
    """Blank what is stored of a person: a buyer's payments, and the person's name everywhere.

    Of the payments whose `customer` is `user`: the customer, reasons, notes and Alipay's answers
    as text; with `references` also the shop's order numbers. On all payments: the name of `user`
    as who asked, checked or closed. Ids, amounts, times, states and codes stay. All or nothing, in
    one transaction, the shop's own if it has one; safe to repeat. To be called before the account
    is deleted, which would take the link to its payments away. Raises StillOpen while a
    cancellation or a call is open, and TypeError for what is no saved user.
    """
    if account(user) is None:
        raise TypeError(f"forget_customer() takes a saved user of AUTH_USER_MODEL, not {user!r}.")

    def forget() -> ForgetReport:
        return _Erasure(user, references=references).carry_out()

    return atomically(forget, using=router.db_for_write(Payment))


class _Erasure:
    def __init__(self, user: Any, *, references: bool) -> None:
        self._user, self._name, self._references = user, name_of(user), references
        self._payments = _rows(Payment).filter(customer=user)

    def carry_out(self) -> ForgetReport:
        # Written before anything is read: no cancellation of these payments begins beside it.
        self._payments.update(customer=self._user)
        self._refuse_open()
        of_buyer = Q(payment__in=self._payments)
        wishes, calls, events = (
            _rows(model).filter(of_buyer)
            for model in (Cancellation, CancellationAttempt, PaymentEvent)
        )
        batches = self._forget_batches(wishes)
        cancellations = _blank(wishes, "reason", "note") | self._forget_names(Cancellation)
        report = {
            "cancellations": len(cancellations),
            "batches": len(batches),
            "calls": len(_blank(calls, "response_body") | self._forget_names(CancellationAttempt)),
            "events": len(self._forget_old_references(events) | self._forget_names(PaymentEvent)),
        }
        payments = self._forget_payments()
        return ForgetReport(payments=payments, kept=tuple(self._kept()), **report)

    def _refuse_open(self) -> None:
        theirs = Q(payment__in=self._payments) | self._is("requested_by")
        opened = _rows(Cancellation).filter(theirs, status__in=Cancellation.OPEN)
        calls = _rows(CancellationAttempt).filter(
            payment__in=self._payments, outcome=CancellationAttempt.Outcome.OPEN
        )
        keys = {*as_committed(opened).values_list("payment_id", flat=True)}
        keys |= {*as_committed(calls).values_list("payment_id", flat=True)}
        keys |= {*self._payments.filter(status__in=Payment.IN_CHANGE).values_list("pk", flat=True)}
        if keys:
            told = ngettext(
                "Nothing was forgotten: a cancellation or a call is open for %(count)d payment "
                "(%(ids)s). Try again when it is finished.",
                "Nothing was forgotten: a cancellation or a call is open for %(count)d payments "
                "(%(ids)s). Try again when they are finished.",
                len(keys),
            )
            some = sorted(map(str, keys))[:_NAMED_IN_REFUSAL]
            raise StillOpen(told % {"count": len(keys), "ids": ", ".join(some)})

    def _is(self, account_field: str) -> Q:
        """Rows that name this person: by account, or by name where no account is kept."""
        by_name = Q(**{account_field: None, f"{account_field}_name": self._name})
        return Q(**{account_field: self._user}) | (by_name if self._name else Q())

    def _forget_names(self, model: type[Model]) -> set[Any]:
        rows: QuerySet[Any] = _rows(model)
        changed: set[Any] = set()
        for account_field in ("requested_by", "closed_by", "person"):
            if not hasattr(model, account_field):
                continue
            name = REMOVED if account_field == "closed_by" else ""
            changed |= _write(
                rows.filter(self._is(account_field)),
                {account_field: None, f"{account_field}_name": name},
            )
        if hasattr(model, "asked_by_name") and self._name:
            changed |= _write(rows.filter(asked_by_name=self._name), {"asked_by_name": ""})
        return changed

    def _forget_batches(self, wishes: QuerySet[Cancellation]) -> set[UUID]:
        """Blank the reasons of batches that had one of these payments, and the person's name."""
        asked = wishes.exclude(batch=None).values_list("batch", flat=True)
        batches = _rows(Batch).filter(pk__in={*asked})
        changed = _blank(batches, "reason") | self._forget_names(Batch)
        if self._references:
            called = dict(self._payments.exclude(reference="").values_list("pk", "reference"))
            for batch in batches:
                lines = [[_unnamed(name, key, called), key, why] for name, key, why in batch.lines]
                if lines != batch.lines:
                    batches.filter(pk=batch.pk).update(lines=lines)
                    changed.add(batch.pk)
        return changed

    def _forget_old_references(self, events: QuerySet[PaymentEvent]) -> set[Any]:
        """Blank what a correction has told of an earlier reference."""
        if not self._references:
            return set()
        corrected = events.filter(kind=PaymentEvent.Kind.RECORDED, text__contains="reference: ")
        return _blank(corrected, "text")

    def _forget_payments(self) -> int:
        now = timezone.now()
        keys = list(self._payments.values_list("pk", flat=True))
        _rows(PaymentEvent).bulk_create(
            PaymentEvent(
                payment_id=key,
                kind=PaymentEvent.Kind.FORGOTTEN,
                at=now,
                learned_at=now,
                source=PaymentEvent.Source.SHOP,
            )
            for key in keys
        )
        self._payments.update(customer=None, **({"reference": ""} if self._references else {}))
        return len(keys)

    def _kept(self) -> list[str]:
        kept = [
            gettext(
                "Ids, amounts, times, states and Alipay's codes were kept: accounts, refunds and "
                "disputes need them."
            ),
            gettext(
                "The names of others who acted were kept, and where this person closed a "
                "cancellation stands %(name)s: it stays visible that a person ended it."
            )
            % {"name": REMOVED},
            gettext(
                "Reasons and notes on the payments of other customers were kept: they speak of "
                "those."
            ),
        ]
        if not self._references:
            kept.append(
                gettext(
                    "The shop's references were kept, since references=True was not given: they "
                    "lead to your orders."
                )
            )
        return kept


def _rows(model: type[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._base_manager.using(router.db_for_write(model))
    return rows


def _blank(rows: QuerySet[Any], *fields: str) -> set[Any]:
    filled = Q()
    for field in fields:
        filled |= ~Q(**{field: ""})
    return _write(rows.filter(filled), dict.fromkeys(fields, ""))


def _write(rows: QuerySet[Any], values: dict[str, Any]) -> set[Any]:
    """Write these values; return the keys of the rows."""
    keys = set(rows.values_list("pk", flat=True))
    if keys:
        rows.update(**values)
    return keys


def _unnamed(name: str, key: str, called: dict[UUID, str]) -> str:
    """Return the payment's key for its reference, and any other name as it was given."""
    if not key or called.get(UUID(key)) != name:
        return name
    return str(UUID(key))
