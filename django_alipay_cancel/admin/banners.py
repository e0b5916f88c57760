"""What stands above both lists because a person has to know it first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.admin.allowed import may_view
from django_alipay_cancel.admin.counting import OpenCounts
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.worker import is_overdue

if TYPE_CHECKING:
    from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin

# So many are named; the worker takes them all.
_MOST_NAMED = 10


def warn(model_admin: ReadOnlyAdmin, request: HttpRequest, opened: OpenCounts) -> None:
    """Leave the banners: nobody works, a clock was wrong, somebody has to look."""
    now = timezone.now()
    rows = model_admin.cancellations(request)
    if is_overdue():
        late = gettext(
            "Cancellations have been due for more than ten minutes and were not worked on: "
            "the worker may not be running. Tell your engineers."
        )
        model_admin.message_user(request, late, messages.WARNING)
    if may_view(request.user):
        _name_unreachable(model_admin, request, rows, now)
        _count_in_review(model_admin, request, opened)


def _name_unreachable(
    model_admin: ReadOnlyAdmin, request: HttpRequest, rows: QuerySet[Cancellation], now: datetime
) -> None:
    found = list(schedule.unreachable(rows, now=now).select_related("payment")[: _MOST_NAMED + 1])
    if not found:
        return
    names = format_html_join(
        ", ",
        '<a class="alipay-link" href="{}">{}</a>',
        ((model_admin.page_url(row), row.payment) for row in found[:_MOST_NAMED]),
    )
    if len(found) > _MOST_NAMED:
        names = format_html(gettext("{names} and more"), names=names)
    sentence = gettext(
        "A wrong clock set the due time of these cancellations: {names}. "
        "They count as due now. Tell your engineers."
    )
    model_admin.message_user(request, format_html(sentence, names=names), messages.WARNING)


def _count_in_review(model_admin: ReadOnlyAdmin, request: HttpRequest, opened: OpenCounts) -> None:
    if not opened.in_review:
        return
    text = ngettext(
        "%(count)d cancellation needs review",
        "%(count)d cancellations need review",
        opened.in_review,
    ) % {"count": opened.in_review}
    in_review = {"status__exact": Cancellation.Status.NEEDS_REVIEW.value}
    url = f"{model_admin.url('cancellation_changelist')}?{urlencode(in_review)}"
    model_admin.message_user(
        request, format_html('<a class="alipay-link" href="{}">{}</a>', url, text), messages.WARNING
    )
