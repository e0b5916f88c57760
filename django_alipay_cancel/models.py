"""Payment, Cancellation, CancellationAttempt: facts and state machines, no I/O.

Transitions record facts on their own row in memory; the services decide when and write them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import GET_STATE, transition

from django_alipay_cancel.alipay.results import ERRORS, NextStep
from django_alipay_cancel.fields import (
    CodeField,
    ExactCharField,
    UnicodeCharField,
    UnicodeTextField,
)
from django_alipay_cancel.money import format_amount
from django_alipay_cancel.statemachine import StateField, StateMachineModel
from django_alipay_cancel.wording import next_step_label

ID_LENGTH = 64
REFERENCE_LENGTH = 128
REASON_LENGTH = 255
NAME_LENGTH = 255
NOTE_LENGTH = 2000


def _state_field(verbose_name: Any, choices: type[models.TextChoices], default: str) -> Any:
    return StateField(
        verbose_name,
        max_length=16,
        choices=choices.choices,
        default=default,
        protected=True,
        editable=False,
    )


class Payment(StateMachineModel):
    """One Alipay payment as the shop knows it."""

    class Status(models.TextChoices):
        PROCESSING = "PROCESSING", pgettext_lazy("payment status", "processing")
        AUTHORIZED = "AUTHORIZED", pgettext_lazy("payment status", "authorized")
        SUCCESS = "SUCCESS", pgettext_lazy("payment status", "paid")
        FAIL = "FAIL", pgettext_lazy("payment status", "payment failed")
        CANCELLING = "CANCELLING", pgettext_lazy("payment status", "cancelling")
        CANCELLED = "CANCELLED", pgettext_lazy("payment status", "cancelled")
        REFUNDING = "REFUNDING", pgettext_lazy("payment status", "refunding")
        REFUNDED = "REFUNDED", pgettext_lazy("payment status", "refunded")

    # A wish is open, and what becomes of the money is not known until it finishes.
    IN_CHANGE = (Status.CANCELLING, Status.REFUNDING)
    state_field = "status"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = ExactCharField(_("merchant"), max_length=64, default="default")
    payment_request_id = ExactCharField(
        _("payment request ID"), max_length=ID_LENGTH, null=True, blank=True
    )
    payment_id = ExactCharField(_("payment ID"), max_length=ID_LENGTH, null=True, blank=True)
    amount_value = models.BigIntegerField(_("amount in minor units"), null=True, blank=True)
    amount_currency = models.CharField(_("currency"), max_length=3, blank=True)
    reference = ExactCharField(
        pgettext_lazy("payment", "reference"), max_length=REFERENCE_LENGTH, blank=True
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("customer"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alipay_payments",
    )

    authorized_at = models.DateTimeField(_("authorized at"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    failed_at = models.DateTimeField(_("failed at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(
        _("cancelled at"),
        null=True,
        blank=True,
        help_text=_("Alipay's own time; empty when only an inquiry told."),
    )
    refunded_at = models.DateTimeField(_("refunded at"), null=True, blank=True)
    checked_at = models.DateTimeField(_("last checked at"), null=True, blank=True)
    checked_status = UnicodeCharField(_("what Alipay said then"), max_length=64, blank=True)
    refunded_value = models.BigIntegerField(
        _("refunded, in minor units"),
        null=True,
        blank=True,
        help_text=_("What the last inquiry listed, by whomever it was refunded."),
    )
    amount_updated_at = models.DateTimeField(_("amount changed at"), null=True, blank=True)
    # When a payment without a result is next asked about; empty: by its age.
    sweep_at = models.DateTimeField(null=True, blank=True, editable=False)

    status = _state_field(_("payment status"), Status, Status.PROCESSING)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        permissions = [
            ("cancel_payment", _("Can cancel payments")),
            ("refund_payment", _("Can refund payments that can no longer be cancelled")),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="alipay_payment_created"),
            models.Index(fields=["status", "-created_at"], name="alipay_payment_status"),
            models.Index(fields=["merchant", "-created_at"], name="alipay_payment_merchant"),
            models.Index(fields=["reference"], name="alipay_payment_reference"),
            # The two unique constraints start with the merchant; people search without one.
            models.Index(fields=["payment_request_id"], name="alipay_payment_request_id"),
            models.Index(fields=["payment_id"], name="alipay_payment_payment_id"),
            models.Index(fields=["status", "sweep_at"], name="alipay_payment_sweep"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "payment_request_id"], name="alipay_unique_payment_request_id"
            ),
            models.UniqueConstraint(
                fields=["merchant", "payment_id"], name="alipay_unique_payment_id"
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "PROCESSING",
                        "AUTHORIZED",
                        "SUCCESS",
                        "FAIL",
                        "CANCELLING",
                        "CANCELLED",
                        "REFUNDING",
                        "REFUNDED",
                    ]
                ),
                name="alipay_payment_status_known",
            ),
            models.CheckConstraint(
                condition=Q(payment_request_id__isnull=False) | Q(payment_id__isnull=False),
                name="alipay_payment_has_an_id",
            ),
            models.CheckConstraint(
                condition=~Q(status="SUCCESS") | Q(paid_at__isnull=False),
                name="alipay_success_has_paid_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="AUTHORIZED") | Q(authorized_at__isnull=False),
                name="alipay_authorized_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="REFUNDED") | Q(refunded_at__isnull=False),
                name="alipay_refunded_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or self.payment_request_id or self.payment_id or str(self.id)

    @property
    def amount(self) -> str:
        """The amount as money, e.g. "12.50 USD"; empty when unknown."""
        return format_amount(self.amount_value, self.amount_currency)

    @transition(status, [Status.PROCESSING, Status.AUTHORIZED, Status.FAIL], Status.AUTHORIZED)
    def record_authorized(self, at: datetime) -> None:
        """The buyer's money is held. Out of FAIL on Alipay's signed word only."""
        self.authorized_at = self.authorized_at or at

    @transition(
        status,
        [Status.PROCESSING, Status.AUTHORIZED, Status.SUCCESS, Status.FAIL],
        Status.SUCCESS,
    )
    def record_paid(self, at: datetime) -> None:
        """The buyer has paid. Out of FAIL on Alipay's signed word only."""
        self.paid_at = self.paid_at or at

    @transition(status, [Status.PROCESSING, Status.AUTHORIZED], Status.FAIL)
    def record_failed(self, at: datetime) -> None:
        """The payment failed; no money was taken."""
        self.failed_at = self.failed_at or at

    @transition(status, [Status.PROCESSING, Status.AUTHORIZED, Status.SUCCESS], Status.CANCELLING)
    def begin_cancellation(self) -> None:
        """A cancellation is open; what became of the money is not known until it finishes."""

    def _status_by_facts(self) -> str:
        if self.paid_at:
            return self.Status.SUCCESS
        if self.authorized_at:
            return self.Status.AUTHORIZED
        return self.Status.PROCESSING

    @transition(status, Status.CANCELLING, Status.REFUNDING)
    def begin_refund(self) -> None:
        """It can no longer be cancelled, and all of it is being given back."""

    @transition(status, [*IN_CHANGE, Status.SUCCESS], Status.REFUNDED)
    def confirm_refund(self, at: datetime) -> None:
        """Alipay, or a named person, said that all the money was given back. Never left."""
        self.refunded_at = self.refunded_at or at

    @transition(
        status,
        [*IN_CHANGE],
        GET_STATE(_status_by_facts, [Status.SUCCESS, Status.AUTHORIZED, Status.PROCESSING]),
    )
    def restore(self) -> None:
        """The cancellation was rejected: the payment is again what its facts say."""

    @transition(status, Status.CANCELLING, Status.FAIL)
    def record_unpaid(self, at: datetime) -> None:
        """An inquiry during a cancellation found that the payment had failed."""
        self.failed_at = self.failed_at or at

    @transition(
        status,
        [
            Status.PROCESSING,
            Status.AUTHORIZED,
            Status.SUCCESS,
            Status.FAIL,
            *IN_CHANGE,
        ],
        Status.CANCELLED,
    )
    def confirm_cancellation(self) -> None:
        """Alipay, or a named person, said that the payment is cancelled. Never left."""


class Cancellation(StateMachineModel):
    """One wish to cancel one payment, and how it ended."""

    class Status(models.TextChoices):
        PENDING = (
            "PENDING",
            pgettext_lazy("cancellation status", "accepted, waiting for the result"),
        )
        SUCCEEDED = "SUCCEEDED", pgettext_lazy("cancellation status", "succeeded")
        REJECTED = "REJECTED", pgettext_lazy("cancellation status", "rejected")
        REFUNDED = "REFUNDED", pgettext_lazy("cancellation status", "refunded instead")
        NEEDS_REVIEW = "NEEDS_REVIEW", pgettext_lazy("cancellation status", "needs review")

    class Source(models.TextChoices):
        CODE = "code", pgettext_lazy("source of a cancellation", "code")
        ADMIN = "admin", pgettext_lazy("source of a cancellation", "admin")
        API = "api", pgettext_lazy("source of a cancellation", "REST")
        NO_RESULT = "no_result", pgettext_lazy("source of a cancellation", "no payment result")

    class Means(models.TextChoices):
        CANCEL = "cancel", pgettext_lazy("means of a cancellation", "cancel")
        REFUND = "refund", pgettext_lazy("means of a cancellation", "refund")

    OPEN = (Status.PENDING, Status.NEEDS_REVIEW)
    state_field = "status"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(
        Payment, models.PROTECT, verbose_name=_("payment"), related_name="cancellations"
    )
    # MySQL has no conditional unique constraint; a unique column that is NULL when closed is one.
    open_for = models.OneToOneField(
        Payment,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="open_cancellation",
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("requested by"),
        null=True,
        blank=True,
        related_name="+",
    )
    requested_by_name = UnicodeCharField(
        _("name of who requested"), max_length=NAME_LENGTH, blank=True
    )
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    reason = UnicodeCharField(_("reason"), max_length=REASON_LENGTH, blank=True)
    batch = models.UUIDField(
        _("batch"), null=True, blank=True, help_text=_("The same for all that were asked together.")
    )

    or_refund = models.BooleanField(
        _("or refund"),
        default=False,
        help_text=_("If it can no longer be cancelled, all of it is refunded."),
    )
    means = models.CharField(_("means"), max_length=16, choices=Means.choices, default=Means.CANCEL)
    refund_id = UnicodeCharField(_("refund ID"), max_length=ID_LENGTH, blank=True)
    refund_value = models.BigIntegerField(
        _("to be refunded, in minor units"), null=True, blank=True
    )
    refund_currency = models.CharField(_("currency of the refund"), max_length=3, blank=True)

    repeats = models.PositiveIntegerField(_("repeats"), default=0)
    # Due time, lease and claim token in one: who calls Alipay writes a time in the future here
    # and compares it at every later write.
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked at"), help_text=_("When the schedule last started."))
    asked_by_name = UnicodeCharField(_("who asked again"), max_length=NAME_LENGTH, blank=True)

    result_code = UnicodeCharField(_("Alipay's code"), max_length=64, blank=True)
    result_message = UnicodeCharField(_("Alipay's message"), max_length=256, blank=True)
    error = CodeField(
        _("error"), max_length=32, blank=True, choices=[(name, name) for name in ERRORS]
    )
    next_step = CodeField(
        _("next step"),
        max_length=32,
        default=NextStep.WAIT.value,
        choices=[(step.value, next_step_label(step)) for step in NextStep],
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("closed by"),
        null=True,
        blank=True,
        related_name="+",
    )
    closed_by_name = UnicodeCharField(_("name of who closed"), max_length=NAME_LENGTH, blank=True)
    note = UnicodeTextField(_("note"), blank=True)
    announce_at = models.DateTimeField(null=True, blank=True, editable=False)

    status = _state_field(_("status"), Status, Status.PENDING)
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("cancellation")
        verbose_name_plural = _("cancellations")
        permissions = [("close_cancellation", _("Can close cancellations by hand"))]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="alipay_cancellation_due"),
            models.Index(fields=["announce_at"], name="alipay_cancellation_announce"),
            models.Index(fields=["-created_at", "-id"], name="alipay_cancellation_created"),
            models.Index(fields=["status", "-created_at"], name="alipay_cancellation_status"),
            models.Index(fields=["next_step", "-created_at"], name="alipay_cancellation_step"),
            models.Index(fields=["source", "-created_at"], name="alipay_cancellation_source"),
            models.Index(fields=["batch", "-created_at"], name="alipay_cancellation_batch"),
            models.Index(fields=["finished_at", "status"], name="alipay_cancellation_finished"),
        ]
        constraints = [
            models.CheckConstraint(
                # A CHECK passes on NULL, so that open_for is asked for IS NOT NULL by name.
                condition=Q(
                    status="PENDING",
                    open_for__isnull=False,
                    finished_at__isnull=True,
                    next_attempt_at__isnull=False,
                )
                | Q(status="NEEDS_REVIEW", open_for__isnull=False, finished_at__isnull=True)
                | Q(
                    status__in=["SUCCEEDED", "REJECTED", "REFUNDED"],
                    open_for__isnull=True,
                    next_attempt_at__isnull=True,
                    finished_at__isnull=False,
                ),
                name="alipay_cancellation_open_or_finished",
            ),
            models.CheckConstraint(
                condition=Q(means="cancel")
                | (
                    Q(means="refund", or_refund=True, refund_value__isnull=False)
                    & Q(refund_value__gt=0)
                    & ~Q(refund_currency="")
                ),
                name="alipay_refund_is_wished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def is_open(self) -> bool:
        """Whether the result is still awaited."""
        return self.status in self.OPEN

    @property
    def refunds(self) -> bool:
        """Whether it goes on, or ended, as a refund."""
        return self.means == self.Means.REFUND

    @property
    def refund_request_id(self) -> str:
        """What names its refund at Alipay: known before the first call, and new with each wish."""
        return self.pk.hex

    @property
    def refund_amount(self) -> str:
        """What is given back, as money; empty when it does not refund."""
        return format_amount(self.refund_value, self.refund_currency)

    @transition(status, [Status.PENDING, Status.NEEDS_REVIEW, Status.REJECTED], Status.SUCCEEDED)
    def succeed(self, at: datetime) -> None:
        """The payment is closed. A verified S counts even after a rejection."""
        self._finish(at)

    @transition(status, [Status.PENDING, Status.NEEDS_REVIEW], Status.REJECTED)
    def reject(self, at: datetime) -> None:
        """The payment was not cancelled and this wish is over."""
        self._finish(at)

    @transition(status, [*OPEN, Status.REJECTED], Status.REFUNDED)
    def refund(self, at: datetime) -> None:
        """All the money was given back: by this wish, or met so elsewhere."""
        self._finish(at)

    @transition(status, Status.PENDING, Status.NEEDS_REVIEW)
    def need_review(self) -> None:
        """The result is unknown and a person has to look."""

    @transition(status, Status.NEEDS_REVIEW, Status.PENDING)
    def ask_again(self) -> None:
        """The cancel is repeated."""

    def _finish(self, at: datetime) -> None:
        self.open_for = None
        self.next_attempt_at = None
        self.finished_at = at


class CancellationAttempt(StateMachineModel):
    """One signed HTTP call and what came of it."""

    class Outcome(models.TextChoices):
        OPEN = "OPEN", pgettext_lazy("outcome of an attempt", "in progress")
        SUCCEEDED = "SUCCEEDED", pgettext_lazy("outcome of an attempt", "succeeded")
        REJECTED = "REJECTED", pgettext_lazy("outcome of an attempt", "rejected")
        UNKNOWN = "UNKNOWN", pgettext_lazy("outcome of an attempt", "result unknown")
        NOT_SENT = "NOT_SENT", pgettext_lazy("outcome of an attempt", "not sent")

    class Kind(models.TextChoices):
        CANCEL = "cancel", pgettext_lazy("kind of attempt", "cancel")
        INQUIRY = "inquiry", pgettext_lazy("kind of attempt", "inquiry")
        REFUND = "refund", pgettext_lazy("kind of attempt", "refund")
        REFUND_INQUIRY = "refund_inquiry", pgettext_lazy("kind of attempt", "refund inquiry")

    # Those that change something at Alipay: at most one of a wish is under way.
    ACTING = (Kind.CANCEL, Kind.REFUND)
    state_field = "outcome"

    class AskedBy(models.TextChoices):
        SCHEDULE = "schedule", pgettext_lazy("who asked", "by schedule")
        REVIEW = "review", pgettext_lazy("who asked", "hourly, in review")
        SWEEP = "sweep", pgettext_lazy("who asked", "no payment result")
        PERSON = "person", pgettext_lazy("who asked", "a person")
        UNNAMED = "unnamed", pgettext_lazy("who asked", "somebody without a name")

    payment = models.ForeignKey(
        Payment, models.PROTECT, verbose_name=_("payment"), related_name="attempts"
    )
    cancellation = models.ForeignKey(
        Cancellation,
        models.PROTECT,
        verbose_name=_("cancellation"),
        related_name="attempts",
        null=True,
        blank=True,
        help_text=_("Empty for an inquiry that belongs to no cancellation."),
    )
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    asked_by = models.CharField(
        _("asked by"), max_length=16, choices=AskedBy.choices, default=AskedBy.SCHEDULE
    )
    asked_by_name = UnicodeCharField(_("name of who asked"), max_length=NAME_LENGTH, blank=True)
    open_for = models.OneToOneField(
        Cancellation,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="open_attempt",
    )
    client_id = UnicodeCharField(_("client ID"), max_length=64)
    sent_at = models.DateTimeField(_("sent at"))
    claim_until = models.DateTimeField(_("claimed until"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    result_status = models.CharField(_("result status"), max_length=1, blank=True)
    result_code = UnicodeCharField(_("Alipay's code"), max_length=64, blank=True)
    result_message = UnicodeCharField(_("Alipay's message"), max_length=256, blank=True)
    cancel_time = models.DateTimeField(_("cancel time"), null=True, blank=True)
    payment_status = UnicodeCharField(_("payment status"), max_length=64, blank=True)
    # What it says of refunds: `services.history.Listed` of an inquiry, else Alipay's own word.
    refund_status = UnicodeCharField(_("refund status"), max_length=16, blank=True)
    error = CodeField(
        _("error"), max_length=32, blank=True, choices=[(name, name) for name in ERRORS]
    )
    # Why a signature does not verify, one of `alipay.causes.CAUSES`, and what its sentence names.
    cause = models.CharField(_("cause"), max_length=32, blank=True)
    detail = UnicodeCharField(_("detail"), max_length=256, blank=True)
    request_body = UnicodeTextField(_("request"))
    response_body = UnicodeTextField(_("response"), blank=True)
    trace_id = UnicodeCharField(_("trace ID"), max_length=64, blank=True)
    # The word of `services.history.Word`: whether an answer may be believed cannot be told later.
    said = models.CharField(_("verdict's word"), max_length=16, blank=True, editable=False)
    response_time = models.DateTimeField(_("Alipay's time"), null=True, blank=True)
    outcome = _state_field(_("outcome"), Outcome, Outcome.OPEN)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["id"]
        indexes = [models.Index(fields=["outcome", "claim_until"], name="alipay_attempt_outcome")]
        constraints = [
            models.UniqueConstraint(
                fields=["cancellation", "number"], name="alipay_unique_attempt_number"
            ),
            models.CheckConstraint(
                condition=Q(outcome="OPEN", kind__in=["cancel", "refund"], open_for__isnull=False)
                | Q(outcome="OPEN", kind__in=["inquiry", "refund_inquiry"], open_for__isnull=True)
                | (
                    Q(outcome__in=["SUCCEEDED", "REJECTED", "UNKNOWN", "NOT_SENT"])
                    & Q(open_for__isnull=True, finished_at__isnull=False)
                ),
                name="alipay_attempt_open_or_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.outcome}"

    @property
    def seconds(self) -> float | None:
        """How long the call took, in seconds; None while it is open."""
        return (self.finished_at - self.sent_at).total_seconds() if self.finished_at else None

    @transition(outcome, [Outcome.OPEN, Outcome.UNKNOWN], Outcome.SUCCEEDED)
    def succeed(self, at: datetime) -> None:
        """A verified S; a late one too."""
        self._finish(at)

    @transition(outcome, [Outcome.OPEN, Outcome.UNKNOWN], Outcome.REJECTED)
    def reject(self, at: datetime) -> None:
        """A verified F; a late one too."""
        self._finish(at)

    @transition(outcome, Outcome.OPEN, Outcome.UNKNOWN)
    def give_up(self, at: datetime) -> None:
        """U, no answer, or one that cannot be trusted: neither yes nor no."""
        self._finish(at)

    @transition(outcome, Outcome.OPEN, Outcome.NOT_SENT)
    def not_sent(self, at: datetime) -> None:
        """Writing of the request never began: Alipay knows nothing of it."""
        self._finish(at)

    def _finish(self, at: datetime) -> None:
        self.open_for = None
        self.finished_at = at


class PaymentEvent(models.Model):
    """What was said or done about a payment and stands in no other row. Append-only."""

    class Kind(models.TextChoices):
        RECORDED = "recorded", pgettext_lazy("kind of event", "recorded")
        AUTHORIZED = "authorized", pgettext_lazy("kind of event", "authorized")
        PAID = "paid", pgettext_lazy("kind of event", "paid")
        CAPTURED = "captured", pgettext_lazy("kind of event", "captured")
        FAILED = "failed", pgettext_lazy("kind of event", "payment failed")
        AMOUNT_CHANGED = "amount_changed", pgettext_lazy("kind of event", "amount changed")
        CONTRADICTED = "contradicted", pgettext_lazy("kind of event", "contradicted")
        ASKED_AGAIN = "asked_again", pgettext_lazy("kind of event", "asked again")
        CHECKED = "checked", pgettext_lazy("kind of event", "checked")
        FORGOTTEN = "forgotten", pgettext_lazy("kind of event", "personal data removed")

    class Source(models.TextChoices):
        SHOP = "shop", pgettext_lazy("source of an event", "the shop")
        IMPORT = "import", pgettext_lazy("source of an event", "import")
        NOTIFICATION = "notification", pgettext_lazy("source of an event", "notification")
        INQUIRY = "inquiry", pgettext_lazy("source of an event", "inquiry")
        PERSON = "person", pgettext_lazy("source of an event", "a person")

    SIGNED = (Source.NOTIFICATION, Source.INQUIRY)

    payment = models.ForeignKey(
        Payment, models.CASCADE, verbose_name=_("payment"), related_name="events"
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    at = models.DateTimeField(_("happened at"))
    learned_at = models.DateTimeField(_("learned at"))
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("person"),
        null=True,
        blank=True,
        related_name="+",
    )
    person_name = UnicodeCharField(_("name of the person"), max_length=NAME_LENGTH, blank=True)
    text = UnicodeTextField(_("text"), blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} ({self.source})"


class Batch(models.Model):
    """What was asked for together: every number as it was given, in that order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created at"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("requested by"),
        null=True,
        blank=True,
        related_name="+",
    )
    requested_by_name = UnicodeCharField(
        _("name of who requested"), max_length=NAME_LENGTH, blank=True
    )
    reason = UnicodeCharField(_("reason"), max_length=REASON_LENGTH, blank=True)
    # For each [the number as it was given, the payment's key or "", why nothing was asked for it].
    lines = models.JSONField(_("lines"), default=list)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")

    def __str__(self) -> str:
        return str(self.id)


class Gateway(models.Model):
    """How a merchant's gateway has answered lately; written on a change only."""

    merchant = ExactCharField(_("merchant"), max_length=64, primary_key=True)
    not_before = models.DateTimeField(_("not called before"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    since = models.DateTimeField(_("since"), null=True, blank=True)
    last_error = UnicodeCharField(_("last error"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("gateway")
        verbose_name_plural = _("gateways")

    def __str__(self) -> str:
        return str(self.merchant)


class Worker(models.Model):
    """A process that carries out what is due: one row for each host and command line."""

    id = models.CharField(primary_key=True, max_length=64, editable=False)
    host = UnicodeCharField(_("host"), max_length=255)
    command = UnicodeCharField(_("command"), max_length=255)
    pid = models.PositiveIntegerField(_("process ID"))
    version = models.CharField(_("version"), max_length=32)
    threads = models.PositiveIntegerField(_("threads"))
    seen_at = models.DateTimeField(_("seen at"))
    clock_offset = models.FloatField(_("clock ahead of the database, in seconds"), null=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return f"{self.host}: {self.command}"
