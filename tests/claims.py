"""Every row that there may be, and what may be said of it: by claim, in each language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from uuid import uuid4

from django.utils import timezone

from django_alipay_cancel.alipay.refunds import refund_next_step
from django_alipay_cancel.alipay.results import ERRORS, RESULT_CODES, NextStep, next_step
from django_alipay_cancel.models import Cancellation, Payment

NOW = timezone.now()
LANGUAGES = ("en", "zh-hans")
OPEN = ("PENDING", "NEEDS_REVIEW")
CODES = ("", "NEVER_DOCUMENTED", *RESULT_CODES)
# As the verdict chooses them by the facts that were known when it was given.
BY_FACTS = (
    NextStep.REFUND,
    NextStep.RELEASE_OR_CAPTURE,
    NextStep.CHECK_REFUNDS,
    NextStep.CHECK_ORDER_STATUS,
)

# Authorized at, paid at, refunded.
FACTS = (
    (None, None, None),
    (NOW, None, None),
    (None, NOW, None),
    (NOW, NOW, None),
    (None, NOW, 100),
)
# What a text claims or advises: by language.
CLAIMS = {
    "cancelled": (r"\bis cancelled\b", "(支付|现)已取消|已取消授权|支付已关闭"),
    "not cancelled": (
        r"(was|is|be) not cancelled|could not be cancelled",
        "(?<!无法确定是否已)未取消|未能取消",
    ),
    "money goes back": (r"money goes back", "原路退回"),
    "hold released": (r"\bis released\b", "资金将解冻"),
    "can never be paid": (r"can no longer (pay|be paid)", "无法再付款"),
    "nothing was taken": (r"no money was taken|No money was taken", "未扣款"),
    "refund it": (
        r"refund the payment|a refund is the way|want a refund",
        "请发起退款|请改为退款|如需退款",
    ),
    "release or capture": (r"capture the payment", "先请款再退款"),
    "unknown": (r"not known", "未知|尚未确定|等待结果"),
    "do not refund": (r"[Dd]o not refund", "请勿(自行)?退款"),
    "refunded": (
        r"all of (it|your payment) was refunded|payment is refunded",
        "，已全额退款|支付已退款",
    ),
    "being refunded": (r"\bbeing refunded\b", "正在(全额)?退款|退款中"),
    "do not pay again": (r"do not pay again", "请勿(再次|重复)付款"),
    "contradicted": (
        r"reported as paid|not known for certain",
        "收到已付款的消息|无法确定您是否已付款",
    ),
    "bad signature": (r"signature does not verify", "未通过验签"),
}
PATTERNS = {
    language: {claim: re.compile(texts[at]) for claim, texts in CLAIMS.items()}
    for at, language in enumerate(LANGUAGES)
}
# English words in a row, a blank between sentences, a colon that is not the language's own.
NOT_CHINESE = re.compile("[a-z]+ [a-z]+ [a-z]+|。 |[\u4e00-\u9fff]:")


@dataclass(frozen=True)
class Row:
    """A cancellation, and what may be said of it."""

    wish: Cancellation

    @property
    def cancelled(self) -> bool:
        return self.wish.payment.status == "CANCELLED"

    @property
    def paid(self) -> bool:
        return self.wish.payment.paid_at is not None

    @property
    def held(self) -> bool:
        return not self.paid and self.wish.payment.authorized_at is not None

    @property
    def refundable(self) -> bool:
        payment = self.wish.payment
        rejected = self.wish.status == "REJECTED" and payment.status == "SUCCESS"
        return rejected and payment.refunded_value is None

    def allows(self, claim: str) -> bool:
        """Whether this may be claimed; what is not named here always may."""
        wish, payment = self.wish, self.wish.payment
        rejected = wish.status == "REJECTED"
        return {
            "cancelled": self.cancelled,
            "not cancelled": (rejected or wish.status == "REFUNDED")
            and payment.status not in ("CANCELLED", "CANCELLING"),
            "money goes back": self.paid and (self.cancelled or payment.status == "REFUNDED"),
            "hold released": self.cancelled and self.held,
            "can never be paid": self.cancelled and not self.paid and not self.held,
            "nothing was taken": payment.status == "FAIL" and not self.paid,
            "refund it": self.refundable,
            "release or capture": rejected and payment.status == "AUTHORIZED",
            "bad signature": wish.error == "bad_signature",
            "refunded": payment.status == "REFUNDED",
            "being refunded": payment.status == "REFUNDING",
        }.get(claim, True)


def rows() -> Iterator[Row]:
    """Every status of a wish, status of its payment, fact, code and error, with its steps."""
    answers = [*((code, "") for code in CODES), *(("SUCCESS", error) for error in ERRORS)]
    answers.append(("KEY_NOT_FOUND", "unsigned"))
    for status, paid, (code, error) in product(
        Cancellation.Status.values, Payment.Status.values, answers
    ):
        if error and status not in OPEN:
            continue
        for (authorized_at, paid_at, refunded), step in product(FACTS, steps(status, code, error)):
            if (paid == "SUCCESS" and not paid_at) or (paid == "AUTHORIZED" and not authorized_at):
                continue  # the database refuses these
            if paid in ("REFUNDING", "REFUNDED") and not paid_at:
                continue  # what was not paid is not refunded
            if status == "REFUNDED" and (paid != "REFUNDED" or code not in ("", "SUCCESS")):
                continue
            for means in means_of(status, paid, paid_at):
                payment = Payment(
                    status=paid,
                    paid_at=paid_at,
                    authorized_at=authorized_at,
                    refunded_value=refunded,
                    refunded_at=NOW if paid == "REFUNDED" else None,
                    payment_id=uuid4().hex,
                )
                wish = Cancellation(
                    payment=payment, status=status, next_step=step, result_code=code, error=error
                )
                if means == "refund" and status == "REJECTED":
                    wish.next_step = refund_next_step(result_code=code)
                if means == "refund":
                    wish.or_refund, wish.means = True, means
                    wish.refund_value, wish.refund_currency = 1250, "USD"
                yield Row(wish)


def means_of(status: str, paid: str, paid_at: datetime | None) -> tuple[str, ...]:
    """By what a wish of this status may go on; what was not paid is not refunded."""
    if status == "REFUNDED":
        return ("refund",)
    if status in OPEN:
        return ("refund",) if paid == "REFUNDING" else ("cancel",)
    return ("cancel", "refund") if paid_at and status == "REJECTED" else ("cancel",)


def steps(status: str, code: str, error: str) -> tuple[NextStep, ...]:
    if status == "PENDING":
        return (NextStep.WAIT,)
    if status in ("SUCCEEDED", "REFUNDED"):
        return (NextStep.NONE,)
    step = next_step(result_code=code, error=error)
    return BY_FACTS if step is NextStep.REFUND else (step,)


def claims(text: str, language: str) -> set[str]:
    return {claim for claim, pattern in PATTERNS[language].items() if pattern.search(text)}


def over(wish: Cancellation) -> bool:
    return wish.status == "REJECTED" and wish.payment.status in ("CANCELLED", "CANCELLING")
