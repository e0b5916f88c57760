"""What the services refuse, besides settings (ImproperlyConfigured) and input (ValidationError)."""


class AlipayCancelError(Exception):
    """Base of the errors this app raises."""


class NotCancellable(AlipayCancelError):
    """The payment's status leaves nothing to cancel."""


class NotInReview(AlipayCancelError):
    """Only a cancellation in review (NEEDS_REVIEW) can be asked again or closed by hand."""


class InsideTransaction(AlipayCancelError, RuntimeError):
    """A function that calls Alipay was used inside a transaction; nothing was sent."""
