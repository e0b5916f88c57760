"""No sentence says more than its row: each state of a cancellation, each code, each reader."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from uuid import uuid4

import pytest
from django.utils import timezone, translation

from django_alipay_cancel.admin import refunding
from django_alipay_cancel.admin.grouping import grouped
from django_alipay_cancel.admin.sentences import outcome, outcome_with_refund
from django_alipay_cancel.admin.showing import payment_badge, short_badge, step_label
from django_alipay_cancel.alipay.results import ERRORS, RESULT_CODES, NextStep, next_step
from django_alipay_cancel.api.serializers import CancellationSerializer
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message, own_message, refund_of
from tests.admin.conftest import page_of
from tests.api.test_sentences_for_buyers import OWN_AFFAIRS

pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows, pytest.mark.once]

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
    "do not refund": (r"[Dd]o not refund", "请勿退款"),
    "do not pay again": (r"do not pay again", "请勿再次付款"),
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
            if status == "REFUNDED":
                wish.or_refund, wish.means = True, "refund"
                wish.refund_value, wish.refund_currency = 1250, "USD"
            yield Row(wish)


def steps(status: str, code: str, error: str) -> tuple[NextStep, ...]:
    if status == "PENDING":
        return (NextStep.WAIT,)
    if status in ("SUCCEEDED", "REFUNDED"):
        return (NextStep.NONE,)
    step = next_step(result_code=code, error=error)
    return BY_FACTS if step is NextStep.REFUND else (step,)


ROWS = list(rows())


def serializer(for_staff: bool) -> CancellationSerializer:
    names = ("acts_for_shop", "may_read_reason")
    return CancellationSerializer(context=dict.fromkeys(names, lambda row: for_staff))


STAFF, BUYER = serializer(True), serializer(False)


def claims(text: str, language: str) -> set[str]:
    return {claim for claim, pattern in PATTERNS[language].items() if pattern.search(text)}


def over(wish: Cancellation) -> bool:
    return wish.status == "REJECTED" and wish.payment.status in ("CANCELLED", "CANCELLING")


@pytest.fixture(params=LANGUAGES)
def language(request):
    with translation.override(request.param):
        yield request.param


def test_there_are_thousands_of_rows():
    assert len(ROWS) > 3000


def test_staff_read_no_more_than_the_row_says(language):
    for row in ROWS:
        wish = row.wish
        note = refunding.note(wish)
        page = html.unescape(str(outcome_with_refund(wish, note).text))
        said = claims(page, language)
        assert all(row.allows(claim) for claim in said), (page, wish.payment.status)
        if wish.status in OPEN:
            assert {"unknown", "do not refund"} <= said, page
        if wish.status == "SUCCEEDED" and row.cancelled:
            assert "cancelled" in said
        if over(wish):
            assert "do not refund" in said
        if ("refund it" in said) or note:
            assert str(refund_of(wish)) == "yes", page
        if language != "en":
            assert not NOT_CHINESE.search(page.replace(wish.result_code or "-", "")), page


def test_the_history_says_of_its_end_what_was_true_then(language):
    for row in ROWS:
        said = claims(own_message(row.wish), language)
        refused = {claim for claim in said if not row.allows(claim)}
        # What became of the payment later stands in later lines.
        assert refused <= ({"not cancelled"} if over(row.wish) else set()), own_message(row.wish)


def test_the_list_shows_both_states_and_no_advice_that_is_not_the_pages(language):
    refund = {"en": "Refund", "zh-hans": "退款"}[language]
    for row in ROWS:
        wish = row.wish
        label = re.sub("<[^>]*>", "", str(step_label(wish)))
        assert label != refund or row.refundable, (wish.status, wish.payment.status)
        badges = str(short_badge(wish)), str(payment_badge(wish.payment))
        assert wish.payment.get_status_display() in badges[1]
        assert claims(badges[0], language) <= {"unknown"}


def test_over_rest_staff_read_the_sentence_of_the_page(language):
    for row in ROWS:
        shown = serialized(row.wish, STAFF)
        assert outcome(row.wish).text.startswith(shown["message"])
        assert shown["result_code"] == row.wish.result_code


def test_buyers_read_what_becomes_of_their_money_and_nothing_of_the_shops(language):
    for row in ROWS:
        wish = row.wish
        shown = serialized(wish, BUYER)
        text = shown["message"]
        said = claims(text, language)
        assert text == buyer_message(wish)
        assert all(row.allows(claim) for claim in said), (text, wish.payment.status)
        assert not OWN_AFFAIRS.search(text)
        assert shown["result_code"] == shown["error"] == shown["result_message"] == ""
        assert shown["attempts"] == []
        assert shown["next_step"] in ("NONE", "WAIT", "REFUND")
        assert (shown["next_step"] == "REFUND") == ("refund it" in said)
        if wish.status in OPEN:
            assert {"unknown", "do not pay again"} <= said
        if language != "en":
            assert not NOT_CHINESE.search(text), text


def test_a_group_of_many_says_what_each_of_its_members_says(language):
    payments, wishes, texts = [], [], {}
    for row in ROWS:
        wish = row.wish
        # Stored are those that the database takes: an open one hangs on its payment.
        if wish.status in OPEN:
            continue
        wish.asked_at = wish.created_at = wish.finished_at = NOW
        payments.append(wish.payment)
        wishes.append(wish)
        texts.setdefault(str(outcome(wish).text), set()).add(wish.pk)
    Payment.objects.bulk_create(payments)
    Cancellation.objects.bulk_create(wishes)
    found = grouped(Cancellation.objects.all())
    counted: dict[str, int] = {}
    for group in found:
        counted[group.told.text] = counted.get(group.told.text, 0) + group.number
    assert counted == {text: len(keys) for text, keys in texts.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_pages_claim_no_more_than_their_rows(staff, language):
    viewer = staff("viewer", "view_payment", "view_cancellation")
    looked_at = 0
    for row in [row for row in ROWS if reachable(row.wish)][::29]:
        wish = row.wish
        wish.asked_at = wish.created_at = wish.finished_at = NOW
        wish.payment.save(force_insert=True)
        wish.save(force_insert=True)
        for page in (wish, wish.payment):
            answer = viewer.get(page_of(page), headers={"Accept-Language": language})
            shown = html.unescape(re.sub("<[^>]*>", "", answer.content.decode()))
            said = {claim for claim in claims(shown, language) if not row.allows(claim)}
            # The timeline keeps how the wish ended, whatever came later.
            assert said <= ({"not cancelled"} if over(wish) else set()), (wish, wish.payment)
            looked_at += 1
    assert looked_at > 50


def reachable(wish: Cancellation) -> bool:
    """Whether the app itself writes such rows, open ones left out."""
    ended = wish.payment.status in ("CANCELLED", "FAIL")
    return ended if wish.status == "SUCCEEDED" else wish.status in ("REJECTED", "REFUNDED")


def serialized(wish: Cancellation, serializer: CancellationSerializer) -> dict[str, object]:
    wish._prefetched_objects_cache = {"attempts": []}
    return serializer.to_representation(wish)
