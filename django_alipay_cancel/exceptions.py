"""What the services refuse, besides settings (ImproperlyConfigured) and input (ValidationError)."""

from datetime import datetime

from django.core.exceptions import ValidationError


class AlipayCancelError(Exception):
    """Base of the errors this app raises."""


class NotCancellable(AlipayCancelError):
    """The payment's status leaves nothing to cancel."""


class NotInReview(AlipayCancelError):
    """Only a cancellation in review (NEEDS_REVIEW) can be asked again or closed by hand."""


class MayStillTakeEffect(NotInReview):
    """A cancel may still take effect: "not cancelled" cannot be said before `until`."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class StillOpen(AlipayCancelError):
    """A person cannot be forgotten while a cancellation or a call of theirs is open."""


class NotStorable(AlipayCancelError, ValidationError):
    """The connection to the database cannot carry what a person wrote; it names the fields."""


def ends_the_task(error: Exception) -> bool:
    """Return whether this ends the whole task, and is no fault of the row that is worked on.

    Celery's soft time limit is an Exception like any other; it is known by its name, since shops
    without Celery have no such class.
    """
    return type(error).__name__ == "SoftTimeLimitExceeded"


class InsideTransaction(AlipayCancelError, RuntimeError):
    """A function that calls Alipay was used inside a transaction; nothing was sent."""


class NotificationNotVerified(AlipayCancelError):
    """A notification is not to be believed: not Alipay's, not for this merchant, or unreadable.

    `error` says why: unsigned, wrong_client, bad_signature, too_large or invalid_body; `cause` why
    its signature does not verify, "" when it is not that (docs/reference/codes.md has them all).
    """

    def __init__(self, message: str, *, error: str, cause: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.cause = cause
