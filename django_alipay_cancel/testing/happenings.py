"""What happens at Alipay without a call of the merchant's."""

from __future__ import annotations

from uuid import uuid4

from django_alipay_cancel.testing import documents, moving, posting
from django_alipay_cancel.testing.answering import Answering
from django_alipay_cancel.testing.books import Books
from django_alipay_cancel.testing.fake_payment import FakePayment, Movement, News
from django_alipay_cancel.testing.gateway_clock import Clock
from django_alipay_cancel.testing.notifier import Notifier


class Happenings:
    """What a buyer, a bank or the time does to a payment.

    A payment with a notify URL is told of it, up to 8 times, by Alipay's schedule and the gateway's
    clock, until the merchant acknowledges.
    """

    _books: Books
    _clock: Clock
    _notifier: Notifier
    _answering: Answering

    @property
    def payments(self) -> tuple[FakePayment, ...]:
        """All payments, the oldest first."""
        return self._books.all_payments()

    def payment(self, id: str) -> FakePayment:
        """Return the payment with this payment_id or payment_request_id; KeyError without one."""
        with self._books.lock:
            now = self._clock.now
            self._books.catch_up(now)
            payment = self._books.payments[id]
            payment.catch_up(now)
            return payment

    def buyer_pays(self, id: str) -> FakePayment:
        """Let the buyer pay, or authorize, what waits; KeyError, ValueError if there is nothing.

        Money for a cancelled payment is told to the merchant, and given back.
        """
        with self._books.lock:
            payment = self.payment(id)
            payment.pay(self._clock.now)
        self._notifier.wake()
        return payment

    def buyer_is_done(self, id: str) -> FakePayment:
        """Let the buyer have done what he can, the result is to come (PAYMENT_PENDING)."""
        with self._books.lock:
            payment = self.payment(id)
            payment.wait()
        self._notifier.wake()
        return payment

    def payment_fails(self, id: str, result_code: str = "RISK_REJECT") -> FakePayment:
        """Let what waits fail for good; KeyError, ValueError if nothing waits."""
        with self._books.lock:
            payment = self.payment(id)
            payment.fail(result_code)
        self._notifier.wake()
        return payment

    def refund_elsewhere(
        self, id: str, amount_value: int | None = None, *, status: str = "SUCCESS"
    ) -> Movement:
        """Let the shop refund ``amount_value`` minor units (None: all) in Alipay's console.

        ``status`` may be PROCESSING or FAIL; KeyError without the payment.
        """
        with self._books.lock:
            payment, now = self.payment(id), self._clock.now
            done = Movement(
                request_id=f"elsewhere-{uuid4().hex}",
                id=f"{now:%Y%m%d}{uuid4().int % 10**30:030}",
                value=payment.amount_value if amount_value is None else amount_value,
                at=now,
                status=status,
            )
            payment.refund(done)
            return done

    def refund_settles(self, id: str, *, status: str = "SUCCESS") -> Movement:
        """Let the refund of a payment that is under way end: SUCCESS or FAIL; ValueError if none.

        Its notify URL is told, as Alipay does of asynchronous refunds only.
        """
        if status not in ("SUCCESS", "FAIL"):
            raise ValueError("A refund ends as SUCCESS or as FAIL.")
        with self._books.lock:
            payment = self.payment(id)
            waiting = [each for each in payment.refunds if each.status == "PROCESSING"]
            if not waiting:
                raise ValueError(f"No refund of the payment {id} is under way.")
            done = payment.settle_refund(waiting[0].request_id, status)
            if done.notify_url:
                payment.news.append(News(notify_type="REFUND_RESULT", refund=done))
                self._books.listen(payment)
        self._notifier.wake()
        return done

    def refund_notification(self, id: str, *, path: str) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a signed notifyRefund of the payment's newest refund.

        IndexError when nothing was refunded.
        """
        payment = self.payment(id)
        body = documents.to_bytes(moving.settled_refund(payment, payment.refunds[-1]))
        return posting.headers(self._answering.seal(path), body), body

    def change_amount(self, id: str, amount_value: int) -> FakePayment:
        """Let an authorization be over another amount, in minor units (updateAmount)."""
        with self._books.lock:
            payment = self.payment(id)
            payment.amount_value = amount_value
            payment.tell(News(notify_type="UPDATE_AMOUNT_RESULT"))
        self._notifier.wake()
        return payment
