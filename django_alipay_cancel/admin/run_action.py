"""One thing done with one payment: noted in the admin's history, and told to the person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransition

from django_alipay_cancel.admin.sentences import UNSENDABLE, Told
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services import (
    MayStillTakeEffect,
    NotCancellable,
    NotInReview,
    NotStorable,
)
from django_alipay_cancel.services.actor import account
from django_alipay_cancel.wording import error_sentence, joined

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin

logger = logging.getLogger(__name__)

# So many are told one by one, more are counted.
FEW = 10
# So many fit into the address of a search.
_IN_SEARCH = 50

_REFUSALS: Mapping[type[Exception], StrPromise] = {
    NotCancellable: _("There is nothing to cancel: the payment failed or is already cancelled."),
    NotInReview: _(
        "This cancellation is no longer in review. "
        "If it was rejected, cancel the payment anew to ask again."
    ),
    # The forms have checked what people write: what is left comes from the row.
    ValidationError: UNSENDABLE,
    ConcurrentTransition: _("The payment is being changed by somebody else. Try again."),
}
_DEFECT = _(
    "Something went wrong on the server, and its log says what. The result is not known here: "
    "look at the payment before you do anything else."
)


def carry_out(
    model_admin: ReadOnlyAdmin,
    request: HttpRequest,
    payment: Payment,
    wish: str,
    work: Callable[[], Told],
) -> Told:
    """Note `wish` in the payment's history, do the work, and return what to tell of it."""
    try:
        # First: what cannot be noted is not done. A person who is no user has no history here.
        if account(request.user):
            model_admin.log_change(request, payment, wish)
        return work()
    except Exception as error:  # the one place per payment: the next one goes on
        return told_of_error(error, f"Work on payment {payment.pk}")


def told_of_error(error: Exception, work: str) -> Told:
    """Return what to tell of work that ended with this error, and log what is not told."""
    if isinstance(error, ImproperlyConfigured):
        logger.error("%s is not possible: %s", work, error)
        return Told(messages.ERROR, error_sentence("configuration"))
    if isinstance(error, MayStillTakeEffect):
        return Told(messages.ERROR, str(error))
    if isinstance(error, NotStorable):
        return Told(messages.ERROR, joined(error.messages))
    for kind, sentence in _REFUSALS.items():
        if isinstance(error, kind):
            return Told(messages.ERROR, str(sentence))
    logger.error("%s failed.", work, exc_info=error)
    return Told(messages.WARNING, str(_DEFECT))


def tell_results(
    model_admin: ReadOnlyAdmin, request: HttpRequest, results: Iterable[tuple[Payment, Told]]
) -> None:
    """Leave one message per payment, or, of more than ten, one per outcome with its number."""
    results = list(results)
    if len(results) <= FEW:
        for payment, told in results:
            url = model_admin.page_url(payment)
            messages.add_message(request, told.level, _about(url, payment, told.text))
        return
    groups: dict[Told, list[Payment]] = {}
    for payment, told in results:
        groups.setdefault(told, []).append(payment)
    for told, payments in groups.items():
        url = search_url(model_admin, [payment.pk for payment in payments])
        tell_number(request, told, len(payments), url)


def tell_number(request: HttpRequest, told: Told, count: int, url: str) -> None:
    """Leave one message for many payments with the same outcome, with a link to them."""
    number = ngettext("%(count)d payment", "%(count)d payments", count) % {"count": count}
    messages.add_message(request, told.level, _about(url, number, told.text))


def _about(url: str, name: object, text: str) -> SafeString:
    link = format_html('<a class="alipay-link" href="{}">{}</a>', url, name)
    # Chinese has a colon of its own.
    return format_html(gettext("{name}: {sentence}"), name=link, sentence=text)


def search_url(model_admin: ReadOnlyAdmin, keys: list[UUID]) -> str:
    """Return the address of a list of these payments, or of the first fifty of them."""
    names = " ".join(map(str, keys[:_IN_SEARCH]))
    return f"{model_admin.url('payment_changelist')}?{urlencode({'q': names})}"
