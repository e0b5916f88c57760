"""The one refund of a run: made once, whatever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from django_alipay_cancel.confirming.asking import Said

if TYPE_CHECKING:
    from django_alipay_cancel.confirming.run import Run

_IN_PROCESS = "REFUND_IN_PROCESS"
_MADE = ("SUCCESS", "PROCESSING")


@dataclass(frozen=True, kw_only=True)
class Refunding:
    """What was said around the refund, None where that was not asked.

    ``before`` is the payment's inquiry, ``first`` the refund's answer, ``inquiry`` what is said
    to inquiryRefund then, ``listed`` the payment's inquiries by when, ``again`` the answer to a
    repeat, and ``cancel`` that to a cancel of what is refunded.
    """

    before: Said | None = None
    first: Said | None = None
    inquiry: Said | None = None
    listed: Mapping[str, Said] = field(default_factory=dict)
    again: Said | None = None
    cancel: Said | None = None

    @classmethod
    def of(cls, run: Run) -> Self:
        """Refund what may be refunded, if it is paid and nothing of it was given back.

        Only what is refunded, or is about to be, is refunded again and cancelled: else that could
        move the money.
        """
        if not run.refundable:
            return cls()
        body = {"paymentId": run.refundable}
        before = run.inquire(body)
        if before.payment_status != "SUCCESS" or before.lists("REFUND"):
            return cls(before=before)
        first, inquiry = run.refund(), run.inquire_refund()
        if inquiry.refund_status not in _MADE:
            return cls(before=before, first=first, inquiry=inquiry)
        return cls(
            before=before,
            first=first,
            inquiry=inquiry,
            listed=run.watch(lambda: run.inquire(body), lambda said: said.lists("REFUND")),
            again=run.refund(),
            cancel=run.cancel(body),
        )

    @property
    def is_in_process(self) -> bool:
        """Whether the refund was answered as asynchronous ones are."""
        return self.first is not None and self.first.code == _IN_PROCESS
