"""One thing done with each of many selected cancellations, while there is time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.admin import selecting
from django_alipay_cancel.admin.confirmed import deadline
from django_alipay_cancel.admin.run_action import carry_out, tell_results
from django_alipay_cancel.admin.sentences import Told
from django_alipay_cancel.models import Cancellation

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin

TIME_IS_UP: StrPromise = _("Nothing was done here, time is up. Select these again and go on.")


def each(
    model_admin: ReadOnlyAdmin,
    request: HttpRequest,
    selected: QuerySet[Any],
    *,
    wish: str,
    work: Callable[[Cancellation], Told],
) -> None:
    """Do `work` with each cancellation, once for each payment; what time does not allow is told.

    The action was asked for in general, by Django: `work` asks for the single payment.
    """
    keys = selecting.keys_of(selected)
    if len(keys) > selecting.MOST_SELECTED:
        model_admin.message_user(request, selecting.too_many(), messages.ERROR)
        return
    end = deadline()
    results = []
    done: set[UUID] = set()
    rows = model_admin.get_queryset(request).select_related("payment")
    for cancellation in chain.from_iterable(selecting.slices(rows, keys)):
        payment = cancellation.payment
        if payment.pk in done:
            continue
        done.add(payment.pk)
        if time.monotonic() >= end:
            told = Told(messages.WARNING, str(TIME_IS_UP))
        else:
            told = carry_out(model_admin, request, payment, wish, partial(work, cancellation))
        results.append((payment, told))
    tell_results(model_admin, request, results)
