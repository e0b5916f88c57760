"""The page on which a named person says what became of cancellations in review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin import selecting
from django_alipay_cancel.admin.allowed import may_close
from django_alipay_cancel.admin.blocks import block
from django_alipay_cancel.admin.reason_form import clean_text
from django_alipay_cancel.admin.run_action import carry_out, tell_results
from django_alipay_cancel.admin.sentences import Told, outcome
from django_alipay_cancel.models import NOTE_LENGTH, Cancellation

if TYPE_CHECKING:
    from django_alipay_cancel.admin.cancellation_admin import CancellationAdmin

_SELECTION = "cancellations"


_CANCELLED = ("yes", _("It is cancelled: any money paid has gone or goes back to the buyer."))


class ClosingForm(forms.Form):
    """What a person knows of the payment, and from where."""

    cancelled = forms.ChoiceField(
        label=_("What became of the payment"),
        choices=[_CANCELLED, ("no", _("It is not cancelled: the payment is what it was before."))],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("How this is known"),
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 4}),
        help_text=_("For instance: who at Alipay's support said so, and when."),
    )

    def offer_refund(self) -> None:
        """Let "refunded" be an answer too, where the wishes say "or refund"."""
        field = self.fields["cancelled"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            _CANCELLED,
            ("refunded", _("It is refunded in full: all the money goes back to the buyer.")),
            ("no", _("Neither: the payment is what it was before.")),
        ]

    def clean_note(self) -> str:
        # A browser writes line ends as two characters, which max_length has counted as such.
        return clean_text(self.cleaned_data["note"], NOTE_LENGTH)


@dataclass(frozen=True)
class ClosingPage:
    """The page for one request of one person."""

    model_admin: CancellationAdmin
    request: HttpRequest

    def ask(self, selected: QuerySet[Any]) -> HttpResponse:
        """Answer the bulk action: lead to one page for all selected, or say that it cannot."""
        keys = selecting.keys_of(selected)
        if len(keys) > selecting.IN_ADDRESS:
            problem = gettext("At most %(most)d can be closed by hand at once. Select fewer.")
            problem %= {"most": selecting.IN_ADDRESS}
            self.model_admin.message_user(self.request, problem, messages.ERROR)
            return redirect(self.request.get_full_path())
        selection = urlencode({_SELECTION: selecting.write_keys(keys)})
        return redirect(f"{self.model_admin.url('cancellation_close_many')}?{selection}")

    def close_one(self, object_id: UUID) -> HttpResponse:
        """Show the page for one cancellation (GET), or close it by hand (POST)."""
        cancellation = self.model_admin.find(self.request, object_id)
        if not may_close(self.request.user, cancellation):
            raise PermissionDenied
        return self._answer([cancellation], self.model_admin.page_url(cancellation))

    def close_many(self) -> HttpResponse:
        """Show the page for several (GET), or close them on one person's word (POST)."""
        keys = selecting.read_keys(self.request.GET.get(_SELECTION, ""))[: selecting.IN_ADDRESS]
        rows = self.model_admin.get_queryset(self.request).filter(pk__in=keys)
        found = list(rows.order_by("-created_at", "-pk"))
        permitted = [row for row in found if may_close(self.request.user, row)]
        if not permitted and (found or not may_close(self.request.user)):
            raise PermissionDenied
        in_review = [row for row in permitted if row.status == Cancellation.Status.NEEDS_REVIEW]
        way_back = self.model_admin.url("cancellation_changelist")
        if len(in_review) < len(keys) and (self.request.method == "GET" or not in_review):
            number = len(keys) - len(in_review)
            left_out = ngettext(
                "%(number)d selected cancellation is left out: it is not in review.",
                "%(number)d selected cancellations are left out: they are not in review.",
                number,
            )
            left_out %= {"number": number}
            self.model_admin.message_user(self.request, left_out, messages.WARNING)
        if not in_review:
            return redirect(way_back)
        return self._answer(in_review, way_back)

    def _answer(self, cancellations: list[Cancellation], way_back: str) -> HttpResponse:
        form = ClosingForm(self.request.POST if self.request.method == "POST" else None)
        if all(row.or_refund for row in cancellations):
            form.offer_refund()
        if self.request.method == "POST" and form.is_valid():
            results = [
                (row.payment, self._close(row, **form.cleaned_data)) for row in cancellations
            ]
            tell_results(self.model_admin, self.request, results)
            return redirect(way_back)
        context = {
            "title": gettext("Close by hand"),
            "form": form,
            "rows": [block(self.model_admin, self.request, row) for row in cancellations],
            "back_url": way_back,
        }
        return self.model_admin.render(self.request, "close.html", context)

    def _close(self, cancellation: Cancellation, *, cancelled: str, note: str) -> Told:
        def work() -> Told:
            services.close_cancellation(
                cancellation,
                cancelled=cancelled == "yes",
                refunded=cancelled == "refunded",
                closed_by=self.request.user,
                note=note,
            )
            return Told(messages.SUCCESS, outcome(cancellation).text)

        word = {
            "yes": pgettext("word", "cancelled"),
            "refunded": pgettext("word", "refunded"),
        }.get(cancelled) or pgettext("word", "not cancelled")
        wish = gettext("Closed by hand as %(word)s: %(note)s") % {"word": word, "note": note}
        return carry_out(self.model_admin, self.request, cancellation.payment, wish, work)
