"""The result sheet of a batch: a line per number that was given, what became of it, totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.admin.allowed import may_view
from django_alipay_cancel.admin.exporting import as_file, csv_lines
from django_alipay_cancel.admin.grouping import Group, grouped
from django_alipay_cancel.admin.sentences import outcome, why_not
from django_alipay_cancel.admin.showing import payment_badge, short_badge, step_label
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message, refund_label, refund_of
from django_alipay_cancel.services import batches
from django_alipay_cancel.services.batches import GivenLine
from django_alipay_cancel.services.permitting import NOT_ALLOWED

if TYPE_CHECKING:
    from django_alipay_cancel.admin.cancellation_admin import CancellationAdmin

_ON_A_PAGE = 100
_READ_AT_ONCE = 500
# Seconds.
_LOOK_AGAIN = 10
_LEFT_OUT = {
    batches.NOT_FOUND: _("No payment has this reference or ID."),
    batches.NOT_SELECTED: _("It was not selected, so that nothing was asked for it."),
    batches.NOT_ALLOWED: NOT_ALLOWED,
}
# What a wish would have come to, by the status of a payment that was over before.
_OVER: Mapping[str, str] = {
    Payment.Status.FAIL: Cancellation.Status.SUCCEEDED,
    Payment.Status.CANCELLED: Cancellation.Status.SUCCEEDED,
    Payment.Status.REFUNDED: Cancellation.Status.REFUNDED,
}
_COLUMNS = (
    "number",
    "given",
    "reference",
    "payment_request_id",
    "payment_id",
    "amount",
    "payment_status",
    "outcome",
    "next_step",
    "refund",
    "message",
    "message_for_buyer",
)


@dataclass(frozen=True, kw_only=True)
class SheetLine:
    """One number, and what is known of its payment and of the wish to cancel it."""

    number: int
    name: str
    payment: Payment | None
    cancellation: Cancellation | None
    left_out: str
    url: str = ""

    @property
    def payment_badge(self) -> SafeString | str:
        return payment_badge(self.payment) if self.payment else ""

    @property
    def badge(self) -> SafeString | str:
        return short_badge(self.cancellation) if self.cancellation else ""

    @property
    def step(self) -> SafeString | str:
        return step_label(self.cancellation) if self.cancellation else ""

    @property
    def refund(self) -> str:
        """Whether to refund: yes, no, not yet; "" where nothing was asked for."""
        return refund_label(refund_of(self.known)) if self.known else ""

    @property
    def told(self) -> str:
        """The sentence for the shop's staff."""
        if self.cancellation is None or self.left_out:
            return self.left_out
        return outcome(self.cancellation).text

    @property
    def for_buyer(self) -> str:
        """The sentence to copy for the buyer; "" where there is nothing to tell."""
        return buyer_message(self.known) if self.known else ""

    @property
    def known(self) -> Cancellation | None:
        """The wish, or what it would have come to where the payment was over before."""
        payment = self.payment
        if self.cancellation or payment is None:
            return self.cancellation
        status = _OVER.get(payment.status)
        return Cancellation(payment=payment, status=status) if status else None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The lines of a batch that this person may see; `hidden` are the others."""

    lines: list[tuple[int, GivenLine]]
    hidden: int
    not_found: int
    groups: list[Group]
    waiting: int


def show(model_admin: CancellationAdmin, request: HttpRequest, batch: UUID) -> HttpResponse:
    """Return the page of the batch; while a result is awaited, it is loaded again by itself."""
    sheet = _sheet(model_admin, request, batch)
    page = Paginator(sheet.lines, _ON_A_PAGE).get_page(request.GET.get("p"))
    stays = "stay" in request.GET
    context = {
        "title": gettext("Result sheet"),
        "batch": batches.find_batch(batch),
        "sheet": sheet,
        "page": page,
        "lines": list(_read(model_admin, request, batch, page.object_list)),
        "csv_url": model_admin.url("batch_csv", batch),
        "list_url": f"{model_admin.url('cancellation_changelist')}?batch={batch}",
        "stay_url": f"?stay=1&p={page.number}" if sheet.waiting and not stays else "",
    }
    response = model_admin.render(request, "sheet.html", context)
    if context["stay_url"]:
        response["Refresh"] = str(_LOOK_AGAIN)
    return response


def as_csv(
    model_admin: CancellationAdmin, request: HttpRequest, batch: UUID
) -> StreamingHttpResponse:
    """Return the whole sheet as a file."""
    lines = _sheet(model_admin, request, batch).lines
    starts = range(0, len(lines), _READ_AT_ONCE)
    pieces = (lines[start : start + _READ_AT_ONCE] for start in starts)
    rows = (map(_cells, _read(model_admin, request, batch, piece)) for piece in pieces)
    return as_file(request, "result-sheet", csv_lines(_COLUMNS, rows))


def _sheet(model_admin: CancellationAdmin, request: HttpRequest, batch: UUID) -> Sheet:
    lines = batches.lines_of(batch)
    if not lines:
        raise Http404
    seen = _seen(model_admin, request, [line.payment for line in lines if line.payment])
    shown = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.payment is None or line.payment in seen
    ]
    if not seen and not may_view(request.user):
        raise PermissionDenied
    groups = list(grouped(_wishes(model_admin, request).filter(batch=batch)))
    waiting = [group.number for group in groups if group.filters["status__exact"] == "PENDING"]
    return Sheet(
        lines=shown,
        hidden=len(lines) - len(shown),
        not_found=sum(line.payment is None for line in lines),
        groups=groups,
        waiting=sum(waiting),
    )


def _seen(model_admin: CancellationAdmin, request: HttpRequest, keys: list[UUID]) -> set[UUID]:
    """Return which of these payments this person may see."""
    payments = model_admin.admin_site.get_model_admin(Payment)
    rows = payments.get_queryset(request)
    found: set[UUID] = set()
    for start in range(0, len(keys), _READ_AT_ONCE):
        some = rows.filter(pk__in=keys[start : start + _READ_AT_ONCE])
        found.update(row.pk for row in some if payments.has_view_permission(request, row))
    return found


def _wishes(model_admin: CancellationAdmin, request: HttpRequest) -> QuerySet[Any]:
    return model_admin.get_queryset(request)


def _read(
    model_admin: CancellationAdmin,
    request: HttpRequest,
    batch: UUID,
    lines: Iterable[tuple[int, GivenLine]],
) -> Iterator[SheetLine]:
    """Yield these lines with their payments as they are now, with two queries."""
    lines = list(lines)
    keys = [line.payment for _number, line in lines if line.payment]
    payments_admin = model_admin.admin_site.get_model_admin(Payment)
    payments = payments_admin.get_queryset(request).in_bulk(keys)
    wishes = _latest(_wishes(model_admin, request).filter(payment__in=keys), batch)
    for number, line in lines:
        payment = payments.get(line.payment)
        wish = wishes.get(line.payment) if line.payment else None
        yield SheetLine(
            number=number,
            name=line.name or str(payment or ""),
            payment=payment,
            cancellation=wish,
            left_out=_left_out(line, payment, wish),
            url=model_admin.page_url(payment) if payment else "",
        )


def _latest(wishes: QuerySet[Any], batch: UUID) -> dict[UUID, Cancellation]:
    """Return of each payment the wish of this batch, else the newest one."""
    found: dict[UUID, Cancellation] = {}
    for wish in wishes.order_by("created_at", "id"):
        known = found.get(wish.payment_id)
        if known is None or known.batch != batch:
            found[wish.payment_id] = wish
    return found


def _left_out(line: GivenLine, payment: Payment | None, wish: Cancellation | None) -> str:
    if line.left_out:
        return str(_LEFT_OUT[line.left_out])
    if payment is None:
        return gettext("The payment is no longer there.")
    if wish is not None:
        return ""
    return why_not(payment, refused="") or gettext("Nothing was asked for it.")


def _cells(line: SheetLine) -> Iterator[Any]:
    payment, wish = line.payment, line.cancellation
    yield line.number
    yield line.name
    yield payment and payment.reference
    yield payment and payment.payment_request_id
    yield payment and payment.payment_id
    yield payment and payment.amount
    yield payment and payment.status
    yield wish and wish.status
    yield wish and wish.next_step
    yield line.refund
    yield line.told
    yield line.for_buyer
