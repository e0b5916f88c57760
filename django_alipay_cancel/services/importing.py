"""What a file says of payments that the shop made before: many at once, and marked as imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DataError, Error, IntegrityError, router, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.models import Payment, PaymentEvent
from django_alipay_cancel.services.amounts import without_older_amount
from django_alipay_cancel.services.correcting import correct, differences, sent
from django_alipay_cancel.services.evidence import FACT_FIELDS, learn
from django_alipay_cancel.services.given import IDS, checked_facts
from django_alipay_cancel.services.payments import complete, only_one
from django_alipay_cancel.services.transactions import is_about_text, repeated
from django_alipay_cancel.wording import joined

# What a payment is; a line that says otherwise means another one, or is wrong.
_IDENTITY = {*IDS, "amount_value", "amount_currency"}
# Seconds for which a database that is away, or locked, is waited for.
_PATIENCE = 60.0
_TRIES = 3


class ImportOutcome(StrEnum):
    """What became of the payment that a line names."""

    NEW = "new"
    COMPLETED = "completed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(slots=True)
class Imported:
    """The outcome of one line, and what there is to say of it: kept differences or corrections."""

    outcome: ImportOutcome
    told: str = ""
    is_kept_difference: bool = False


def import_payments(
    lines: Sequence[Mapping[str, Any]], *, corrects: bool = False, dry_run: bool = False
) -> list[Imported]:
    """Record what these lines say and return what became of each, in their order.

    A line has the arguments of `record_payment`, `customer` as the name by which users sign in; no
    two lines name one payment. They are one transaction, repeated for a minute when the database
    is busy or away; `corrects`: differences are taken over where nothing was sent to Alipay yet.
    `dry_run` keeps nothing. Raises what the database raises for longer than that.
    """
    problem = ""
    for _ in range(_TRIES):
        try:
            return _committed(lines, corrects=corrects, dry_run=dry_run)
        except (Error, UnicodeEncodeError) as error:
            # Somebody has recorded one of them meanwhile; or one of them cannot be stored.
            if not isinstance(error, (DataError, IntegrityError)) and not is_about_text(error):
                raise
            problem = str(error)
    if len(lines) == 1:
        return [Imported(ImportOutcome.REFUSED, problem)]
    return [
        each
        for line in lines
        for each in import_payments([line], corrects=corrects, dry_run=dry_run)
    ]


def _committed(
    lines: Sequence[Mapping[str, Any]], *, corrects: bool, dry_run: bool
) -> list[Imported]:
    database = router.db_for_write(Payment)

    def once(_: int) -> list[Imported]:
        with transaction.atomic(using=database):
            imported = _Batch(lines, database, corrects=corrects).record()
            transaction.set_rollback(dry_run, using=database)
        return imported

    return repeated(once, using=database, until=timezone.now() + timedelta(seconds=_PATIENCE))


class _Batch:
    """Lines that are recorded in one transaction, with one query for all payments they name."""

    def __init__(
        self, lines: Sequence[Mapping[str, Any]], database: str, *, corrects: bool
    ) -> None:
        self._lines, self._database, self._corrects = lines, database, corrects
        self._new: list[Payment] = []
        self._events: list[PaymentEvent] = []

    def record(self) -> list[Imported]:
        # A write first, that hits nothing: SQLite gives no write lock to whoever began with
        # reading, and MariaDB would go on showing what was there before.
        rows = Payment.objects.using(self._database)
        rows.filter(pk=uuid4()).update(sweep_at=None)
        self._customers = self._users()
        self._found = self._payments()
        imported = [self._imported(line) for line in self._lines]
        Payment.store_new(self._new, using=self._database)
        PaymentEvent.objects.using(self._database).bulk_create(self._events)
        return imported

    def _users(self) -> dict[str, Any]:
        names = {line["customer"] for line in self._lines if "customer" in line}
        if not names:
            return {}
        User = get_user_model()
        lookup = {f"{User.USERNAME_FIELD}__in": names}
        users = User._default_manager.using(self._database).filter(**lookup)
        return {user.get_username(): user for user in users}

    def _payments(self) -> dict[tuple[str, str, str], Payment]:
        named: dict[str, set[str]] = {name: set() for name in IDS}
        for line in self._lines:
            for name in IDS:
                if isinstance(line.get(name), str):
                    named[name].add(line[name])
        merchants = {line["merchant"] for line in self._lines}
        rows = Payment.objects.using(self._database).filter(merchant__in=merchants)
        rows = rows.filter(
            Q(payment_request_id__in=named["payment_request_id"])
            | Q(payment_id__in=named["payment_id"])
        )
        return {
            (payment.merchant, name, value): payment
            for payment in rows
            for name in IDS
            if (value := getattr(payment, name)) is not None
        }

    def _imported(self, line: Mapping[str, Any]) -> Imported:
        try:
            given = dict(line)
            merchant = given.pop("merchant")
            if "customer" in given:
                given["customer"] = self._customer(given["customer"])
            given = checked_facts(merchant, **given)
            found = {
                self._found[key]
                for name in IDS
                if name in given and (key := (merchant, name, given[name])) in self._found
            }
            payment = only_one(found, merchant)
            if payment is None:
                return self._add(merchant, given)
            return self._completed(payment, given)
        except ValidationError as error:
            return Imported(ImportOutcome.REFUSED, joined(error.messages))

    def _customer(self, name: str) -> Any:
        if name not in self._customers:
            raise ValidationError(gettext("There is no user %(name)r.") % {"name": name})
        return self._customers[name]

    def _add(self, merchant: str, given: dict[str, Any]) -> Imported:
        known = {name: value for name, value in given.items() if name not in FACT_FIELDS.values()}
        payment = Payment(merchant=merchant, **known)
        facts = {kind: given[name] for kind, name in FACT_FIELDS.items() if name in given}
        learn(payment, facts, by_alipay=False)
        now = timezone.now()
        self._new.append(payment)
        events: list[tuple[str, Any]] = [(PaymentEvent.Kind.RECORDED, now), *facts.items()]
        for kind, at in events:
            self._events.append(
                PaymentEvent(
                    payment=payment,
                    kind=kind,
                    at=at,
                    learned_at=now,
                    source=PaymentEvent.Source.IMPORT,
                )
            )
        return Imported(ImportOutcome.NEW)

    def _completed(self, payment: Payment, given: dict[str, Any]) -> Imported:
        given = without_older_amount(payment, given)
        different = differences(payment, given)
        told = ""
        if different and self._corrects:
            if sent(payment):
                raise ValidationError(
                    gettext("%(differences)s. It was sent to Alipay already and is not corrected.")
                    % {"differences": _sentence(different)}
                )
            self._correct(payment, {name: given[name] for name in different})
            told = gettext("corrected: %(differences)s.") % {"differences": _sentence(different)}
            different = {}
        if different.keys() & _IDENTITY:
            raise ValidationError(
                gettext("differs and was kept: %(differences)s.")
                % {"differences": _sentence(different)}
            )
        missing = {
            name: value
            for name, value in given.items()
            if getattr(payment, name) in (None, "") and name not in different
        }
        if missing:
            complete(payment, missing, PaymentEvent.Source.IMPORT)
        if different:
            told = gettext("differs and was kept: %(differences)s.") % {
                "differences": _sentence(different)
            }
        outcome = (
            ImportOutcome.COMPLETED
            if missing or (told and not different)
            else ImportOutcome.UNCHANGED
        )
        return Imported(outcome, told, is_kept_difference=bool(different))

    def _correct(self, payment: Payment, right: Mapping[str, Any]) -> None:
        correct(payment, right)
        for key in [key for key, found in self._found.items() if found is payment]:
            del self._found[key]
        for name in IDS:
            if (value := getattr(payment, name)) is not None:
                self._found[payment.merchant, name, value] = payment


def _sentence(different: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(
        gettext("%(name)s is %(recorded)s, the line says %(given)s")
        % {"name": name, "recorded": _shown(recorded), "given": _shown(given)}
        for name, (recorded, given) in different.items()
    )


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
