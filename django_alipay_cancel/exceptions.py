"""What the services refuse, besides settings (ImproperlyConfigured) and input (ValidationError)."""


class AlipayCancelError(Exception):
    """Base of the errors this app raises."""


class NotCancellable(AlipayCancelError):
    """The payment's status leaves nothing to cancel."""


class NotInReview(AlipayCancelError):
    """Only a cancellation in review (NEEDS_REVIEW) can be asked again or closed by hand."""


class InsideTransaction(AlipayCancelError, RuntimeError):
    """A function that calls Alipay was used inside a transaction; nothing was sent."""


class NotificationNotVerified(AlipayCancelError):
    """A notification is not to be believed: not Alipay's, not for this merchant, or unreadable.

    `error` says why: unsigned, wrong_client, bad_signature, too_large or invalid_body.
    """

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error
