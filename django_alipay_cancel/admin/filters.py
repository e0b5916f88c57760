"""What the lists can be narrowed to, beside plain columns; no filter asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, ChangeList
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.conf import settings


class MerchantFilter(admin.SimpleListFilter):
    """The merchants that the settings name; nothing to choose where there is one."""

    title = _("merchant")
    parameter_name = "merchant"
    column = "merchant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = list(map(str, settings.MERCHANTS))
        chosen = self.used_parameters.get(self.parameter_name)
        if chosen and chosen not in names:  # one that has left the settings
            names.append(chosen)
        return [(name, name) for name in names] if len(names) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class PaymentMerchantFilter(MerchantFilter):
    """The same for cancellations, by the merchant of the payment."""

    column = "payment__merchant"


class BatchFilter(admin.SimpleListFilter):
    """The cancellations that were asked for together; there only while it is chosen."""

    title = _("asked together")
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = self.used_parameters.get(self.parameter_name)
        return [(chosen, gettext("This selection"))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            return queryset.filter(batch=UUID(self.value()))
        except ValueError:
            return queryset.none()


def _day(label: Any) -> forms.DateField:
    # Within what every database and every zone can store.
    limits = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1))]
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=limits,
        widget=widget,
    )


class _DaysForm(forms.Form):
    """Two days, both included, in the zone of this page."""


class _DaysFilter(admin.ListFilter):
    """Between two days: two inputs and a button, which need no script."""

    column: str
    names: tuple[str, str]
    template = "admin/django_alipay_cancel/created_filter.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        names = self.expected_parameters()
        given = {str(name): params.pop(str(name))[-1] for name in names if name in params}
        self.form = _DaysForm(given)
        labels = (pgettext_lazy("first day", "From"), pgettext_lazy("last day", "To"))
        for name, label in zip(self.names, labels, strict=True):
            self.form.fields[name] = _day(label)
        self.is_chosen = any(given.values())
        self.clear_query = ""
        dropped = {*names, PAGE_VAR, ERROR_FLAG}
        self.kept = [
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if name not in dropped
        ]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        self.clear_query = changelist.get_query_string(remove=list(self.names))
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.form.is_valid():  # the form says so; rows that were not asked for would not
            return queryset.none()
        first, last = (self.form.cleaned_data[name] for name in self.names)
        if first:
            queryset = queryset.filter(**{f"{self.column}__gte": _midnight(first)})
        if last:
            end = _midnight(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.column}__lt": end})
        return queryset


class CreatedFilter(_DaysFilter):
    """Created between two days; for a cancellation: requested."""

    title = _("created at")
    column = "created_at"
    names = ("created_from", "created_to")


class FinishedFilter(_DaysFilter):
    """Finished between two days."""

    title = _("finished at")
    column = "finished_at"
    names = ("finished_from", "finished_to")


class PersonFilter(admin.SimpleListFilter):
    """What one person asked for; there only while it is chosen."""

    title = _("requested by")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = self.used_parameters.get(self.parameter_name)
        return [(chosen, chosen)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(requested_by_name=self.value()) if self.value() else queryset


def _midnight(day: date) -> datetime:
    naive = datetime.combine(day, time.min)
    return timezone.make_aware(naive) if django_settings.USE_TZ else naive


class StatusFilter(admin.ChoicesFieldListFilter):
    """The statuses; those of refunds only where refunds are switched on, or one is chosen."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        values = [None, *(value for value, _ in self.field.flatchoices or ())]
        for value, choice in zip(values, super().choices(changelist), strict=False):
            of_refund = value is not None and str(value).startswith("REFUND")
            if not of_refund or choice["selected"] or settings.REFUNDS:
                yield choice
