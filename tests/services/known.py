"""One payment as the property machine knows it, and what people and workers do with it."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.fake_payment import AUTHORIZATION_ENDED

PAST_THE_LEASE = 120
NOTES = ("support said so", " ")


class Known:
    """The gateway's books, ours, what people said, and how its wishes stood when last looked at."""

    def __init__(
        self, gateway: FakeAlipay, merchant: str, status: str, *, method: str = "default"
    ) -> None:
        self.gateway = gateway
        self.books = gateway.add_payment(status=status, method=method)
        facts = {"SUCCESS": "paid_at", "AUTHORIZED": "authorized_at"}
        at = {facts[status]: timezone.now()} if status in facts else {}
        self.payment = services.record_payment(
            merchant=merchant,
            payment_request_id=self.books.payment_request_id,
            payment_id=self.books.payment_id,
            **at,
        )
        self.by_hand: set[bool] = set()
        self.stood: dict[object, str] = {}

    def __repr__(self) -> str:
        return f"{self.payment.merchant}'s {self.books.payment_id}"

    def stored(self) -> Payment:
        return Payment.objects.get(pk=self.payment.pk)

    def wishes(self):
        return Cancellation.objects.filter(payment=self.payment)

    def latest(self) -> Cancellation | None:
        return self.wishes().order_by("-created_at").first()

    def attempts(self):
        return CancellationAttempt.objects.filter(cancellation__payment=self.payment)

    def misbehave(self, answer, api="cancel") -> None:
        if answer is not None:
            kind, options = answer
            self.gateway.misbehave(kind, payment=self.books.payment_id, api=api, **options)

    def cancel(self) -> None:
        self._ask(services.cancel_payment)

    def request(self) -> None:
        self._ask(services.request_cancellation)

    def _ask(self, ask: Callable[[Payment], Cancellation]) -> None:
        try:
            ask(self.stored())
        except services.NotCancellable:
            assert self.stored().status in ("FAIL", "CANCELLED")

    def check(self) -> None:
        services.refresh_payment(self.stored())

    def ask_again(self) -> None:
        latest = self.latest()
        if latest is None:
            return
        try:
            services.retry_cancellation(latest)
        except services.NotInReview:
            assert self.latest().status in ("REJECTED", "SUCCEEDED")

    def close(self, cancelled: bool, note: str = NOTES[0]) -> None:
        latest = self.latest()
        if latest is None:
            return
        try:
            services.close_cancellation(latest, cancelled=cancelled, closed_by="Li Wei", note=note)
            self.by_hand.add(cancelled)
        except services.MayStillTakeEffect as refused:
            assert not cancelled and refused.until > timezone.now()
        except services.NotInReview:
            assert self.latest().status != "NEEDS_REVIEW"
        except ValidationError:
            assert note == " "

    def contradicts_itself(self) -> bool:
        """Whether Alipay says "failed" of what it had shown as paid: only a person can tell.

        An authorization that the shop called paid, and that ended without a capture.
        """
        latest, failed = self.latest(), self.books.failure == AUTHORIZATION_ENDED
        in_review = latest is not None and latest.status == "NEEDS_REVIEW"
        return in_review and failed and bool(self.stored().paid_at)

    def hear(self, what: str) -> None:
        """The shop is told that the payment was paid, failed or authorized."""
        services.record_payment(
            merchant=self.payment.merchant,
            payment_id=self.books.payment_id,
            **{what: timezone.now()},
        )
