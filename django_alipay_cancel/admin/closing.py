"""The page on which a named person says what became of cancellations in review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin import selecting
from django_alipay_cancel.admin.blocks import block
from django_alipay_cancel.admin.carrying_out import carry_out, tell
from django_alipay_cancel.admin.confirming import clean_text
from django_alipay_cancel.admin.explaining import Told, outcome
from django_alipay_cancel.admin.permissions import may_close
from django_alipay_cancel.models import NOTE_LENGTH, Cancellation

if TYPE_CHECKING:
    from django_alipay_cancel.admin.cancellations import CancellationAdmin

_SELECTION = "cancellations"


class ClosingForm(forms.Form):
    """What a person knows of the payment, and from where."""

    cancelled = forms.TypedChoiceField(
        label=_("What became of the payment"),
        choices=[
            ("yes", _("It is cancelled: any money paid has gone or goes back to the buyer.")),
            ("no", _("It is not cancelled: the payment is what it was before.")),
        ],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("How this is known"),
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 4}),
        help_text=_("For instance: who at Alipay's support said so, and when."),
    )

    def clean_note(self) -> str:
        # A browser writes line ends as two characters, which max_length has counted as such.
        return clean_text(self.cleaned_data["note"], NOTE_LENGTH)


def ask(
    model_admin: CancellationAdmin, request: HttpRequest, selected: QuerySet[Any]
) -> HttpResponse:
    """Answer the bulk action: lead to one page for all selected, or say that they are too many."""
    keys = selecting.keys_of(selected)
    if len(keys) > selecting.IN_ADDRESS:
        problem = gettext("At most %(most)d can be closed by hand at once. Select fewer.")
        problem %= {"most": selecting.IN_ADDRESS}
        model_admin.message_user(request, problem, messages.ERROR)
        return redirect(request.get_full_path())
    selection = urlencode({_SELECTION: selecting.written(keys)})
    return redirect(f"{model_admin.url('cancellation_close_many')}?{selection}")


def close_one(
    model_admin: CancellationAdmin, request: HttpRequest, object_id: UUID
) -> HttpResponse:
    """Show the page for one cancellation (GET), or close it by hand (POST)."""
    cancellation = model_admin.find(request, object_id)
    if not may_close(request.user, cancellation):
        raise PermissionDenied
    return _answer(model_admin, request, [cancellation], model_admin.page_url(cancellation))


def close_many(model_admin: CancellationAdmin, request: HttpRequest) -> HttpResponse:
    """Show the page for several (GET), or close them on one person's word (POST)."""
    keys = selecting.read(request.GET.get(_SELECTION, ""))[: selecting.IN_ADDRESS]
    rows = model_admin.get_queryset(request).filter(pk__in=keys).order_by("-created_at", "-pk")
    found = list(rows)
    permitted = [row for row in found if may_close(request.user, row)]
    if not permitted and (found or not may_close(request.user)):
        raise PermissionDenied
    in_review = [row for row in permitted if row.status == Cancellation.Status.NEEDS_REVIEW]
    way_back = model_admin.url("cancellation_changelist")
    if len(in_review) < len(keys) and (request.method == "GET" or not in_review):
        number = len(keys) - len(in_review)
        left_out = ngettext(
            "%(number)d selected cancellation is left out: it is not in review.",
            "%(number)d selected cancellations are left out: they are not in review.",
            number,
        )
        model_admin.message_user(request, left_out % {"number": number}, messages.WARNING)
    if not in_review:
        return redirect(way_back)
    return _answer(model_admin, request, in_review, way_back)


def _answer(
    model_admin: CancellationAdmin,
    request: HttpRequest,
    cancellations: list[Cancellation],
    way_back: str,
) -> HttpResponse:
    form = ClosingForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        results = [
            (row.payment, _close(model_admin, request, row, **form.cleaned_data))
            for row in cancellations
        ]
        tell(model_admin, request, results)
        return redirect(way_back)
    context = {
        "title": gettext("Close by hand"),
        "form": form,
        "rows": [block(model_admin, request, row) for row in cancellations],
        "back_url": way_back,
    }
    return model_admin.render(request, "close.html", context)


def _close(
    model_admin: CancellationAdmin,
    request: HttpRequest,
    cancellation: Cancellation,
    *,
    cancelled: bool,
    note: str,
) -> Told:
    def work() -> Told:
        services.close_cancellation(
            cancellation, cancelled=cancelled, closed_by=request.user, note=note
        )
        return Told(messages.SUCCESS, outcome(cancellation).text)

    wish = gettext("Closed by hand.")
    return carry_out(model_admin, request, cancellation.payment, wish, work)
