"""A list as a CSV file: the rows that its filters leave, streamed, however many they are."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from django_alipay_cancel.admin.refund_advice import url_of
from django_alipay_cancel.conf import settings
from django_alipay_cancel.files.cells import to_spreadsheet
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.money import major_units

_CHUNK = 2000
# What people wrote in several lines: a row of the file is one line.
_SEVERAL_LINES = ("reason", "note")

PAYMENT_COLUMNS = (
    "id",
    "reference",
    "payment_request_id",
    "payment_id",
    "merchant",
    "amount",
    "amount_currency",
    "status",
    "created_at",
    "authorized_at",
    "paid_at",
    "failed_at",
    "cancelled_at",
    "checked_at",
    "checked_status",
    "last_cancellation_status",
    "last_cancellation_next_step",
)
CANCELLATION_COLUMNS = (
    "id",
    "payment__reference",
    "payment__payment_request_id",
    "payment__payment_id",
    "payment__merchant",
    "amount",
    "payment__amount_currency",
    "payment__status",
    "status",
    "next_step",
    "source",
    "requested_by_name",
    "reason",
    "created_at",
    "next_attempt_at",
    "finished_at",
    "result_code",
    "error",
    "closed_by_name",
    "note",
    "refund_url",
)


# Where refunds are switched on.
REFUND_COLUMNS = ("or_refund", "means", "refund_id", "refund_amount")


class _Echo:
    """A file that keeps nothing: what is written to it is handed back."""

    def write(self, line: str) -> str:
        return line


def export(request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
    """Return the payments or cancellations as a file to save, the newest first."""
    return as_file(request, f"{rows.model._meta.model_name}s", _chunks(rows))


def as_file(request: HttpRequest, name: str, chunks: Iterator[str]) -> StreamingHttpResponse:
    """Return these pieces of CSV as a file to save, named by today."""
    content: Any = _asynchronously(chunks) if isinstance(request, ASGIRequest) else chunks
    file_name = f"{name}-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def _chunks(rows: QuerySet[Any]) -> Iterator[str]:
    payments = rows.model is Payment
    columns = PAYMENT_COLUMNS if payments else _cancellation_columns()
    line = _payment_line if payments else partial(_cancellation_line, columns)
    batches = _batches(_with_last_cancellation(rows) if payments else rows)
    return csv_lines(
        columns,
        ([line(row) for row in batch] for batch in batches),
    )


def csv_lines(header: Iterable[str], batches: Iterable[Iterable[Iterable[Any]]]) -> Iterator[str]:
    """Yield the header, then each batch of lines, as CSV that a spreadsheet runs nothing of."""
    writer: Any = csv.writer(_Echo())
    # Excel reads UTF-8 by this mark only.
    yield "\ufeff" + writer.writerow(list(header))
    for batch in batches:
        yield "".join(writer.writerow(list(map(_cell, line))) for line in batch)


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    # By key: no server-side cursor, which a pooler may not keep and MySQL's driver does not have.
    ordered = rows.order_by("-created_at", "-pk")
    batch = list(ordered[:_CHUNK])
    while batch:
        yield batch
        last = batch[-1]
        # The first condition is all that an index needs.
        rest = ordered.filter(created_at__lte=last.created_at).filter(
            Q(created_at__lt=last.created_at) | Q(pk__lt=last.pk)
        )
        batch = list(rest[:_CHUNK]) if len(batch) == _CHUNK else []


def _with_last_cancellation(payments: QuerySet[Any]) -> QuerySet[Any]:
    oldest_first = Cancellation.objects.using(payments.db).order_by("created_at", "id")
    return payments.prefetch_related(
        Prefetch("cancellations", oldest_first.only("payment_id", "status", "next_step"))
    )


def _payment_line(payment: Payment) -> Iterable[Any]:
    last = next(reversed(payment.cancellations.all()), None)
    for column in PAYMENT_COLUMNS[:-2]:
        yield _amount(payment) if column == "amount" else getattr(payment, column)
    yield last and last.status
    yield last and last.next_step


def _cancellation_line(columns: Iterable[str], cancellation: Cancellation) -> Iterable[Any]:
    for column in columns:
        of_payment = column.removeprefix("payment__")
        if column == "amount":
            yield _amount(cancellation.payment)
        elif of_payment != column:
            yield getattr(cancellation.payment, of_payment)
        elif column == "refund_url":
            yield url_of(cancellation)
        elif column in _SEVERAL_LINES:
            yield " ".join(getattr(cancellation, column).splitlines())
        else:
            yield getattr(cancellation, column)


def _cancellation_columns() -> tuple[str, ...]:
    return (*CANCELLATION_COLUMNS, *(REFUND_COLUMNS if settings.REFUNDS else ()))


def _amount(payment: Payment) -> Any:
    if payment.amount_value is None:
        return None
    return major_units(payment.amount_value, payment.amount_currency)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return local.isoformat(sep=" ", timespec="seconds")
    return to_spreadsheet(value) if isinstance(value, str) else value


async def _asynchronously(chunks: Iterator[str]) -> AsyncIterator[str]:
    """Let a thread make each chunk: Django would collect a plain iterator as a whole first."""
    following = sync_to_async(lambda: next(chunks, None))
    while (chunk := await following()) is not None:
        yield chunk
