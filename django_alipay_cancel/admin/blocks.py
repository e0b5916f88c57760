"""A cancellation with its attempts, as both pages show it, and what this person may do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel.admin.allowed import may_close, may_view
from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin
from django_alipay_cancel.admin.refund_advice import note
from django_alipay_cancel.admin.sentences import (
    Told,
    outcome_with_refund,
    why_not_again,
    why_not_check,
)
from django_alipay_cancel.admin.showing import (
    LabelledValue,
    cancellation_badge,
    facts,
    tone,
)
from django_alipay_cancel.models import Cancellation

_FACTS = (
    "source",
    "requested_by_name",
    "reason",
    "created_at",
    "asked_by_name",
    "next_attempt_at",
    "finished_at",
    "closed_by_name",
    "note",
)


@dataclass(frozen=True, kw_only=True)
class CancellationBlock:
    """What the templates show of one cancellation; an address is "" where it does not apply."""

    cancellation: Cancellation
    badge: SafeString
    tone: str
    told: Told
    facts: list[LabelledValue]
    about_payment: list[LabelledValue]
    payment_url: str
    refresh_url: str
    page_url: str
    sheet_url: str
    retry_url: str
    why_not_again: str
    close_url: str


def _refund(cancellation: Cancellation) -> Iterator[LabelledValue]:
    """Yield what Alipay's support asks for, and how much: nothing where nothing is refunded."""
    if not cancellation.refunds:
        return
    yield LabelledValue(gettext("Amount of the refund"), cancellation.refund_amount)
    yield LabelledValue(gettext("Refund request ID"), cancellation.refund_request_id)
    yield from facts(cancellation, "refund_id")


def block(
    model_admin: ReadOnlyAdmin, request: HttpRequest, cancellation: Cancellation
) -> CancellationBlock:
    """Return what to show of a cancellation whose payment has been read."""
    user = request.user
    payment = cancellation.payment
    in_review = cancellation.status == Cancellation.Status.NEEDS_REVIEW
    cannot_ask = why_not_again(cancellation, refused=model_admin.why_refused(request, payment))

    def address(name: str, applies: bool) -> str:
        return model_admin.url(f"cancellation_{name}", cancellation.pk) if applies else ""

    return CancellationBlock(
        cancellation=cancellation,
        badge=cancellation_badge(cancellation),
        tone=tone(cancellation.status),
        told=outcome_with_refund(cancellation, note(cancellation)),
        facts=[*facts(cancellation, *_FACTS), *_refund(cancellation)],
        about_payment=[
            LabelledValue(gettext("Amount"), payment.amount or "-"),
            *facts(payment, "customer"),
        ],
        payment_url=model_admin.page_url(payment) if model_admin.may_see(request, payment) else "",
        refresh_url=model_admin.url("payment_refresh", payment.pk)
        if not why_not_check(payment, permitted=model_admin.may_cancel(request, payment))
        else "",
        sheet_url=model_admin.url("batch", cancellation.batch)
        if cancellation.batch and may_view(user)
        else "",
        page_url=address("change", may_view(user, cancellation)),
        retry_url=address("retry", cancellation.is_open and not cannot_ask),
        why_not_again=cannot_ask,
        close_url=address("close", in_review and may_close(user, cancellation)),
    )
