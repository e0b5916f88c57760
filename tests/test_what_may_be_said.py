"""No sentence says more than its row: each state of a cancellation, each code, each reader."""

from __future__ import annotations

import html
import re

import pytest
from django.utils import translation

from django_alipay_cancel.admin import refund_advice
from django_alipay_cancel.admin.grouping import grouped
from django_alipay_cancel.admin.sentences import outcome, outcome_with_refund
from django_alipay_cancel.admin.showing import payment_badge, short_badge, step_label
from django_alipay_cancel.api.serializers import CancellationSerializer
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message, own_message, refund_of
from tests.admin.conftest import page_of
from tests.api.test_sentences_for_buyers import OWN_AFFAIRS
from tests.claims import LANGUAGES, NOT_CHINESE, NOW, OPEN, claims, over, rows

pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows, pytest.mark.once]


@pytest.fixture(scope="module")
def every_row():
    return list(rows())


def serializer(for_staff: bool) -> CancellationSerializer:
    names = ("acts_for_shop", "may_read_reason")
    return CancellationSerializer(context=dict.fromkeys(names, lambda row: for_staff))


STAFF, BUYER = serializer(True), serializer(False)


@pytest.fixture(params=LANGUAGES)
def language(request):
    with translation.override(request.param):
        yield request.param


def test_there_are_thousands_of_rows(every_row):
    assert len(every_row) > 3000


def test_staff_read_no_more_than_the_row_says(language, every_row):
    for row in every_row:
        wish = row.wish
        note = refund_advice.note(wish)
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


def test_the_history_says_of_its_end_what_was_true_then(language, every_row):
    for row in every_row:
        said = claims(own_message(row.wish), language)
        refused = {claim for claim in said if not row.allows(claim)}
        # What became of the payment later stands in later lines.
        assert refused <= ({"not cancelled"} if over(row.wish) else set()), own_message(row.wish)


def test_the_list_shows_both_states_and_no_advice_that_is_not_the_pages(language, every_row):
    refund = {"en": "Refund", "zh-hans": "退款"}[language]
    for row in every_row:
        wish = row.wish
        label = re.sub("<[^>]*>", "", str(step_label(wish)))
        assert label != refund or row.refundable, (wish.status, wish.payment.status)
        badges = str(short_badge(wish)), str(payment_badge(wish.payment))
        assert wish.payment.get_status_display() in badges[1]
        assert claims(badges[0], language) <= {"unknown"}


def test_over_rest_staff_read_the_sentence_of_the_page(language, every_row):
    for row in every_row:
        shown = serialized(row.wish, STAFF)
        assert outcome(row.wish).text.startswith(shown["message"])
        assert shown["result_code"] == row.wish.result_code


def test_buyers_read_what_becomes_of_their_money_and_nothing_of_the_shops(language, every_row):
    for row in every_row:
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


def test_a_group_of_many_says_what_each_of_its_members_says(language, every_row):
    payments, wishes, texts = [], [], {}
    for row in every_row:
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
def test_whole_pages_claim_no_more_than_their_rows(staff, language, every_row):
    viewer = staff("viewer", "view_payment", "view_cancellation")
    looked_at = 0
    for row in [row for row in every_row if reachable(row.wish)][::29]:
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
