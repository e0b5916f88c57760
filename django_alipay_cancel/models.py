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
from django_fsm import GET_STATE, FSMField, transition

from django_alipay_cancel.alipay.results import ERRORS, NextStep
from django_alipay_cancel.fields import ExactCharField
from django_alipay_cancel.money import format_amount
from django_alipay_cancel.statemachine import StateMachineModel
from django_alipay_cancel.wording import next_step_label

ID_LENGTH = 64
REFERENCE_LENGTH = 128
REASON_LENGTH = 255
NAME_LENGTH = 255
NOTE_LENGTH = 2000


def _state_field(verbose_name: Any, choices: type[models.TextChoices], default: str) -> Any:
    return FSMField(
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
    checked_at = models.DateTimeField(_("last checked at"), null=True, blank=True)
    checked_status = models.CharField(_("what Alipay said then"), max_length=64, blank=True)

    status = _state_field(_("payment status"), Status, Status.PROCESSING)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        permissions = [("cancel_payment", _("Can cancel payments"))]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="alipay_payment_created"),
            models.Index(fields=["status", "-created_at"], name="alipay_payment_status"),
            models.Index(fields=["merchant", "-created_at"], name="alipay_payment_merchant"),
            models.Index(fields=["reference"], name="alipay_payment_reference"),
            # The two unique constraints start with the merchant; people search without one.
            models.Index(fields=["payment_request_id"], name="alipay_payment_request_id"),
            models.Index(fields=["payment_id"], name="alipay_payment_payment_id"),
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
        ]

    def __str__(self) -> str:
        return self.reference or self.payment_request_id or self.payment_id or str(self.id)

    @property
    def amount(self) -> str:
        """The amount as money, e.g. "12.50 USD"; empty when unknown."""
        return format_amount(self.amount_value, self.amount_currency)

    @transition(status, [Status.PROCESSING, Status.AUTHORIZED], Status.AUTHORIZED)
    def record_authorized(self, at: datetime) -> None:
        """The buyer's money is held."""
        self.authorized_at = self.authorized_at or at

    @transition(status, [Status.PROCESSING, Status.AUTHORIZED, Status.SUCCESS], Status.SUCCESS)
    def record_paid(self, at: datetime) -> None:
        """The buyer has paid."""
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

    @transition(
        status,
        Status.CANCELLING,
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
            Status.CANCELLING,
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
        NEEDS_REVIEW = "NEEDS_REVIEW", pgettext_lazy("cancellation status", "needs review")

    class Source(models.TextChoices):
        CODE = "code", pgettext_lazy("source of a cancellation", "code")
        ADMIN = "admin", pgettext_lazy("source of a cancellation", "admin")
        API = "api", pgettext_lazy("source of a cancellation", "REST")
        NO_RESULT = "no_result", pgettext_lazy("source of a cancellation", "no payment result")

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
    requested_by_name = models.CharField(
        _("name of who requested"), max_length=NAME_LENGTH, blank=True
    )
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True)
    batch = models.UUIDField(
        _("batch"), null=True, blank=True, help_text=_("The same for all that were asked together.")
    )

    repeats = models.PositiveIntegerField(_("repeats"), default=0)
    # Due time, lease and claim token in one: who calls Alipay writes a time in the future here
    # and compares it at every later write.
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked at"), help_text=_("When the schedule last started."))
    asked_by_name = models.CharField(_("who asked again"), max_length=NAME_LENGTH, blank=True)

    result_code = models.CharField(_("Alipay's code"), max_length=64, blank=True)
    result_message = models.CharField(_("Alipay's message"), max_length=256, blank=True)
    error = models.CharField(
        _("error"), max_length=32, blank=True, choices=[(name, name) for name in ERRORS]
    )
    next_step = models.CharField(
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
    closed_by_name = models.CharField(_("name of who closed"), max_length=NAME_LENGTH, blank=True)
    note = models.TextField(_("note"), blank=True)
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
                    status__in=["PENDING", "NEEDS_REVIEW"],
                    open_for__isnull=False,
                    finished_at__isnull=True,
                )
                | Q(
                    status__in=["SUCCEEDED", "REJECTED"],
                    open_for__isnull=True,
                    next_attempt_at__isnull=True,
                    finished_at__isnull=False,
                ),
                name="alipay_cancellation_open_or_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def is_open(self) -> bool:
        """Whether the result is still awaited."""
        return self.status in self.OPEN

    @transition(status, [Status.PENDING, Status.NEEDS_REVIEW, Status.REJECTED], Status.SUCCEEDED)
    def succeed(self, at: datetime) -> None:
        """The payment is closed. A verified S counts even after a rejection."""
        self._finish(at)

    @transition(status, [Status.PENDING, Status.NEEDS_REVIEW], Status.REJECTED)
    def reject(self, at: datetime) -> None:
        """The payment was not cancelled and this wish is over."""
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

    state_field = "outcome"

    cancellation = models.ForeignKey(
        Cancellation, models.PROTECT, verbose_name=_("cancellation"), related_name="attempts"
    )
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    open_for = models.OneToOneField(
        Cancellation,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="open_attempt",
    )
    client_id = models.CharField(_("client ID"), max_length=64)
    sent_at = models.DateTimeField(_("sent at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    result_status = models.CharField(_("result status"), max_length=1, blank=True)
    result_code = models.CharField(_("Alipay's code"), max_length=64, blank=True)
    result_message = models.CharField(_("Alipay's message"), max_length=256, blank=True)
    cancel_time = models.DateTimeField(_("cancel time"), null=True, blank=True)
    payment_status = models.CharField(_("payment status"), max_length=64, blank=True)
    error = models.CharField(
        _("error"), max_length=32, blank=True, choices=[(name, name) for name in ERRORS]
    )
    request_body = models.TextField(_("request"))
    response_body = models.TextField(_("response"), blank=True)
    trace_id = models.CharField(_("trace ID"), max_length=64, blank=True)
    outcome = _state_field(_("outcome"), Outcome, Outcome.OPEN)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["cancellation", "number"]
        indexes = [models.Index(fields=["outcome", "sent_at"], name="alipay_attempt_outcome")]
        constraints = [
            models.UniqueConstraint(
                fields=["cancellation", "number"], name="alipay_unique_attempt_number"
            ),
            models.CheckConstraint(
                condition=Q(outcome="OPEN", kind="cancel", open_for__isnull=False)
                | Q(outcome="OPEN", kind="inquiry", open_for__isnull=True)
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
