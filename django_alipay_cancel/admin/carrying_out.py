"""One thing done with one payment: noted in the admin's history, and told in one message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransition

from django_alipay_cancel.admin.explaining import Told
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services import NotCancellable, NotInReview
from django_alipay_cancel.services.people import account
from django_alipay_cancel.wording import error_sentence

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from django_alipay_cancel.admin.base import ReadOnlyAdmin

logger = logging.getLogger(__name__)

_REFUSALS: Mapping[type[Exception], StrPromise] = {
    NotCancellable: _("There is nothing to cancel: the payment failed or is already cancelled."),
    NotInReview: _(
        "This cancellation is no longer in review. "
        "If it was rejected, cancel the payment anew to ask again."
    ),
    # The forms have checked what people write: what is left comes from the row.
    ValidationError: _("The recorded IDs of this payment cannot be sent to Alipay. Correct them."),
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
) -> None:
    """Note `wish` in the payment's history, do the work, and tell what it returns or raises."""
    try:
        # First: what cannot be noted is not done. A person who is no user has no history here.
        if account(request.user):
            model_admin.log_change(request, payment, wish)
        told = work()
    except Exception as error:  # the one place per payment: the next one goes on
        told = _refusal(error, payment)
    tell(model_admin, request, payment, told)


def tell(model_admin: ReadOnlyAdmin, request: HttpRequest, payment: Payment, told: Told) -> None:
    """Leave one message that names the payment."""
    url = model_admin.page_url(payment)
    text = format_html('<a href="{}">{}</a>: {}', url, payment, told.text)
    messages.add_message(request, told.level, text)


def _refusal(error: Exception, payment: Payment) -> Told:
    if isinstance(error, ImproperlyConfigured):
        logger.error("Payment %s cannot be worked on: %s", payment.pk, error)
        return Told(messages.ERROR, error_sentence("configuration"))
    for kind, sentence in _REFUSALS.items():
        if isinstance(error, kind):
            return Told(messages.ERROR, str(sentence))
    logger.error("Work on payment %s failed.", payment.pk, exc_info=error)
    return Told(messages.WARNING, str(_DEFECT))
