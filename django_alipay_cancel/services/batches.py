"""What was asked for together: each number as it was given, for the sheet that tells its result."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, router, transaction
from django.utils import timezone

from django_alipay_cancel.models import NAME_LENGTH, Batch, Cancellation
from django_alipay_cancel.services.actor import account, name_of

NOT_FOUND, NOT_SELECTED, NOT_ALLOWED = "not_found", "not_selected", "not_allowed"


class GivenLine(NamedTuple):
    """One number as it was given; `payment` is None, and `left_out` says so, when nobody has it.

    `left_out` is "" where the payment was to be cancelled.
    """

    name: str
    payment: UUID | None = None
    left_out: str = ""


def record_batch(
    batch: UUID, lines: Iterable[GivenLine], *, requested_by: Any = None, reason: str = ""
) -> bool:
    """Keep what is asked for together; before the wishes, so that their sheet is never missing.

    Returns False when this batch was asked for before: then nothing is to be done.
    """
    rows = Batch.objects.using(router.db_for_write(Batch))
    try:
        with transaction.atomic(using=rows.db):
            rows.create(
                pk=batch,
                created_at=timezone.now(),
                requested_by=account(requested_by),
                requested_by_name=name_of(requested_by),
                reason=reason,
                lines=[
                    (_storable(line.name), line.payment.hex if line.payment else "", line.left_out)
                    for line in lines
                ],
            )
    except IntegrityError:
        return False
    return True


def find_batch(batch: UUID) -> Batch | None:
    """Return who asked for the batch, when and why; None for one of the shop's own code."""
    rows = Batch.objects.using(router.db_for_write(Batch)).filter(pk=batch)
    found: Batch | None = rows.defer("lines").first()
    return found


def lines_of(batch: UUID) -> list[GivenLine]:
    """Return what was asked for together, in its order; none for a batch that nobody asked for.

    A batch that the shop's own code has named has the payments of its cancellations.
    """
    rows = Batch.objects.using(router.db_for_write(Batch)).filter(pk=batch)
    recorded = rows.values_list("lines", flat=True).first()
    if recorded is not None:
        return [GivenLine(name, UUID(key) if key else None, why) for name, key, why in recorded]
    wishes = Cancellation.objects.using(router.db_for_write(Cancellation)).filter(batch=batch)
    made = wishes.order_by("created_at", "id").values_list("payment_id", flat=True)
    return [GivenLine("", key) for key in made]


def _storable(name: str) -> str:
    kept = (c for c in name if unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept)[:NAME_LENGTH]
