"""What people read is there in both languages, and never claims more than is known."""

from datetime import UTC, datetime

import pytest
from django.utils.translation import override

from django_alipay_cancel.alipay.refunds import REFUND_STEPS
from django_alipay_cancel.alipay.results import ERRORS, RESULT_CODES, NextStep, ResultStatus
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message, cancellation_message
from django_alipay_cancel.refund_wording import (
    FEE,
    FOR_BUYERS,
    FOR_STAFF,
    refund_result_sentence,
)
from django_alipay_cancel.wording import (
    error_sentence,
    next_step_label,
    next_step_sentence,
    result_sentence,
)
from tests.glossary import FORBIDDEN

F_CODES = [name for name, code in RESULT_CODES.items() if code.result_status is ResultStatus.F]
U_CODES = [name for name, code in RESULT_CODES.items() if code.result_status is ResultStatus.U]
DO_NOT_REFUND = {
    "en": "Do not refund and do not ask the buyer to pay again yet.",
    "zh-hans": "请勿退款，也请勿让买家再次支付。",
}


ENDED = {
    "PENDING": "CANCELLING",
    "NEEDS_REVIEW": "CANCELLING",
    "SUCCEEDED": "CANCELLED",
    "REJECTED": "SUCCESS",
    "REFUNDED": "REFUNDED",
}


def cancellation(
    status: str,
    *,
    code: str = "",
    error: str = "",
    step: NextStep = NextStep.WAIT,
    payment_status: str = "",
) -> Cancellation:
    wish: Cancellation = Cancellation(
        status=status,
        result_code=code,
        error=error,
        next_step=step,
        payment=Payment(status=payment_status or ENDED[status]),
    )
    return wish


def in_both_languages(sentence: object) -> tuple[str, str]:
    """Render one lazy sentence, or call one function, under English and under Chinese."""

    def render() -> str:
        return str(sentence() if callable(sentence) else sentence)

    with override("en"):
        english = render()
    with override("zh-hans"):
        return english, render()


def everything_people_read() -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for language in FORBIDDEN:
        with override(language):
            texts[language] = [
                *map(result_sentence, [*RESULT_CODES, "A_CODE_OF_NEXT_YEAR"]),
                *map(error_sentence, [*ERRORS, "an_error_of_next_year"]),
                *map(next_step_sentence, NextStep),
                *map(str, map(next_step_label, NextStep)),
                *map(cancellation_message, map(cancellation, Cancellation.Status.values)),
                *map(buyer_message, map(cancellation, Cancellation.Status.values)),
                cancellation_message(cancellation("SUCCEEDED", payment_status="FAIL")),
                *map(refund_result_sentence, [*REFUND_STEPS, "REFUND_IN_PROCESS"]),
                *map(str, [*FOR_STAFF.values(), *FOR_BUYERS.values(), FEE]),
                *(
                    tell(cancellation("REJECTED", payment_status=status))
                    for tell in (cancellation_message, buyer_message)
                    for status in ("REFUNDING", "REFUNDED")
                ),
                buyer_message(cancellation("SUCCEEDED", payment_status="FAIL")),
            ]
    return texts


@pytest.mark.parametrize("code", RESULT_CODES)
def test_a_result_code_has_a_sentence_in_both_languages(code: str) -> None:
    english, chinese = in_both_languages(lambda: result_sentence(code))
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert english != in_both_languages(lambda: result_sentence("A_CODE_OF_NEXT_YEAR"))[0]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_has_a_sentence_in_both_languages(error: str) -> None:
    english, chinese = in_both_languages(lambda: error_sentence(error))
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert english != in_both_languages(lambda: error_sentence("an_error_of_next_year"))[0]


@pytest.mark.parametrize("step", NextStep)
def test_a_next_step_has_a_sentence_and_a_label_in_both_languages(step: NextStep) -> None:
    english, chinese = in_both_languages(lambda: next_step_sentence(step))
    assert english.endswith(".")
    assert chinese.endswith("。")
    english_label, chinese_label = in_both_languages(lambda: next_step_label(step))
    assert 0 < len(english_label) < 50
    assert english_label != chinese_label


@pytest.mark.parametrize("status", Cancellation.Status.values)
def test_an_outcome_has_a_sentence_in_both_languages(status: str) -> None:
    english, chinese = in_both_languages(lambda: cancellation_message(cancellation(status)))
    assert english.endswith(".")
    assert chinese.endswith("。")


def test_every_text_is_translated_into_another_text() -> None:
    texts = everything_people_read()
    pairs = list(zip(texts["en"], texts["zh-hans"], strict=True))
    assert [english for english, chinese in pairs if english == chinese] == []


@pytest.mark.parametrize("language", FORBIDDEN)
def test_no_text_uses_a_word_the_glossary_forbids(language: str) -> None:
    texts = everything_people_read()[language]
    found = [(word, text) for text in texts for word in FORBIDDEN[language] if word in text.lower()]
    assert found == []


def test_a_label_follows_the_language_that_is_active_when_it_is_shown() -> None:
    label = next_step_label(NextStep.REFUND)
    assert in_both_languages(label) == ("Refund", "退款")


def test_a_sentence_for_what_nobody_documented_is_general() -> None:
    with override("en"):
        assert result_sentence("NEW") == "Alipay answered with a code that is not documented."
        assert error_sentence("new") == "The answer could not be used."
        assert next_step_sentence("") == ""


@pytest.mark.parametrize("error", ["connection_failed", "tls_failed", "configuration"])
def test_an_error_before_sending_says_that_nothing_was_sent(error: str) -> None:
    english, chinese = in_both_languages(lambda: error_sentence(error))
    assert "nothing was sent" in english
    assert "未发出" in chinese


NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Status and facts of the payment -> what staff and buyers read of a success, in both languages.
SUCCESSES = {
    ("CANCELLED", "paid_at"): (
        "The payment is cancelled. All the money goes back to the buyer.",
        "取消成功，该支付已取消。买家所付款项将全额原路退回。",
        "Your payment is cancelled. All the money goes back the way it came.",
        "您的支付已取消，款项将全额原路退回。",
    ),
    ("CANCELLED", "authorized_at"): (
        "The payment is cancelled. The hold on the buyer's money is released.",
        "取消成功。已取消授权，冻结资金将解冻。",
        "Your payment is cancelled. The money that was held is released.",
        "您的支付已取消，冻结资金将解冻。",
    ),
    ("CANCELLED", ""): (
        "The payment is cancelled. It is closed, and the buyer can no longer pay.",
        "取消成功。支付已关闭，买家无法再付款。",
        "Your payment is cancelled. It can no longer be paid.",
        "您的支付已关闭，无法再付款。",
    ),
    ("FAIL", ""): (
        "The payment had failed; no money was taken, there is nothing to cancel.",
        "支付失败，未扣款，无需取消。",
        "Your payment had failed. No money was taken.",
        "您的支付未成功，未扣款。",
    ),
}


@pytest.mark.parametrize(("status", "fact"), SUCCESSES)
def test_a_success_says_what_becomes_of_the_money_and_no_more(status: str, fact: str) -> None:
    succeeded = cancellation("SUCCEEDED", step=NextStep.NONE, payment_status=status)
    if fact:
        setattr(succeeded.payment, fact, NOW)
    if fact == "paid_at":  # captured: what was held before is paid by now
        succeeded.payment.authorized_at = NOW
    staff = in_both_languages(lambda: cancellation_message(succeeded))
    buyers = in_both_languages(lambda: buyer_message(succeeded))
    assert (*staff, *buyers) == SUCCESSES[status, fact]


@pytest.mark.parametrize("status", ["FAIL", "SUCCESS", "CANCELLING"])
def test_a_failed_payment_that_is_reported_as_paid_is_neither_cancelled_nor_unpaid(
    status: str,
) -> None:
    succeeded = cancellation("SUCCEEDED", step=NextStep.NONE, payment_status=status)
    succeeded.payment.failed_at = succeeded.payment.paid_at = NOW
    english, _ = in_both_languages(lambda: cancellation_message(succeeded))
    assert "reported as paid. Check it at Alipay" in english
    assert "is cancelled" not in english
    assert "no money was taken" not in english
    with override("en"):
        assert "do not pay again" in buyer_message(succeeded)


@pytest.mark.parametrize("status", ["PENDING", "NEEDS_REVIEW", "REJECTED"])
@pytest.mark.parametrize("payment_status", Payment.Status.values)
@pytest.mark.parametrize("code", RESULT_CODES)
@pytest.mark.parametrize("error", ["", "bad_signature", "configuration"])
def test_a_buyer_reads_no_affair_of_the_shop(
    status: str, payment_status: str, code: str, error: str
) -> None:
    wish = cancellation(
        status, code=code, error=error, step=NextStep.TOP_UP_BALANCE, payment_status=payment_status
    )
    for text in in_both_languages(lambda: buyer_message(wish)):
        for word in (code, "balance", "key", "settings", "code", "余额", "密钥", "公钥", "结果码"):
            assert word.lower() not in text.lower()


@pytest.mark.parametrize("status", ["CANCELLING", "CANCELLED"])
def test_an_old_rejection_advises_no_refund_of_what_is_cancelled(status: str) -> None:
    old = cancellation(
        "REJECTED",
        code="CANCEL_WINDOW_EXCEED",
        step=NextStep.REFUND,
        payment_status=status,
    )
    english, chinese = in_both_languages(lambda: cancellation_message(old))
    assert "do not refund it" in english
    assert "请勿退款" in chinese
    with override("en"):
        assert "could not be cancelled" not in buyer_message(old)


def test_a_rejection_says_what_happened_why_and_what_to_do() -> None:
    rejected = cancellation("REJECTED", code="CANCEL_WINDOW_EXCEED", step=NextStep.REFUND)
    english, chinese = in_both_languages(lambda: cancellation_message(rejected))
    assert english == (
        "The payment was not cancelled. "
        "The time in which this payment could be cancelled is over. "
        "If the buyer is to get the money back, refund the payment."
    )
    assert chinese == (
        "取消失败，该支付未取消。已超过可取消期限（以合同约定为准）。如需将款项退还买家，请发起退款。"
    )


@pytest.mark.parametrize("code", F_CODES)
def test_a_rejection_names_the_reason_of_its_code(code: str) -> None:
    with override("en"):
        message = cancellation_message(
            cancellation("REJECTED", code=code, step=RESULT_CODES[code].next_step)
        )
        assert message.startswith("The payment was not cancelled. " + result_sentence(code))


@pytest.mark.parametrize("code", ["", "SUCCESS", *U_CODES])
def test_a_rejection_without_an_f_gives_no_reason(code: str) -> None:
    closed_by_hand = cancellation("REJECTED", code=code, error="timeout", step=NextStep.NONE)
    with override("en"):
        assert cancellation_message(closed_by_hand) == "The payment was not cancelled."


def test_an_unknown_code_gets_the_general_sentence_of_its_status() -> None:
    rejected = cancellation("REJECTED", code="NEW", step=NextStep.CONTACT_ALIPAY)
    with override("en"):
        assert cancellation_message(rejected) == (
            "The payment was not cancelled. "
            "Alipay answered with a code that is not documented. "
            "Contact Alipay with the payment's IDs before you ask again."
        )


@pytest.mark.parametrize("status", ["PENDING", "NEEDS_REVIEW"])
@pytest.mark.parametrize("error", ["", *ERRORS])
@pytest.mark.parametrize("code", ["", "NEW", *RESULT_CODES])
def test_an_open_cancellation_is_neither_cancelled_nor_not(
    status: str, error: str, code: str
) -> None:
    still_open = cancellation(status, code=code, error=error, step=NextStep.CONTACT_ALIPAY)
    english, chinese = in_both_languages(lambda: cancellation_message(still_open))
    assert english.startswith("The result is not known yet")
    assert DO_NOT_REFUND["en"] in english
    assert DO_NOT_REFUND["zh-hans"] in chinese
    for claim in ["The payment is cancelled", "cancelled the payment", "was not cancelled"]:
        assert claim not in english
    for claim in ["取消成功", "取消失败", "已取消", "未取消"]:
        assert claim not in chinese


def test_a_pending_cancellation_says_that_it_is_repeated_automatically() -> None:
    english, chinese = in_both_languages(lambda: cancellation_message(cancellation("PENDING")))
    assert english == (
        "The result is not known yet. "
        "Do not refund and do not ask the buyer to pay again yet. "
        "The cancellation is repeated automatically."
    )
    assert chinese == (
        "已受理，等待结果。目前结果未知，请勿退款，也请勿让买家再次支付。系统会自动重试。"
    )


@pytest.mark.parametrize("status", ["PENDING", "NEEDS_REVIEW"])
def test_the_code_of_an_answer_that_is_not_verified_is_not_repeated(status: str) -> None:
    unverified = cancellation(status, code="CANCEL_WINDOW_EXCEED", error="bad_signature")
    with override("en"):
        message = cancellation_message(unverified)
        assert error_sentence("bad_signature") in message
        assert result_sentence("CANCEL_WINDOW_EXCEED") not in message


def test_an_unsigned_configuration_code_is_repeated_as_a_hint() -> None:
    review = cancellation(
        "NEEDS_REVIEW", code="KEY_NOT_FOUND", error="unsigned", step=NextStep.FIX_CONFIGURATION
    )
    with override("en"):
        assert cancellation_message(review).endswith(
            f"{error_sentence('unsigned', 'KEY_NOT_FOUND')} "
            f"{next_step_sentence(NextStep.FIX_CONFIGURATION)}"
        )
        assert "must be uploaded" in cancellation_message(review)
        assert cancellation_message(review).count("docs/how-to/signatures.md") == 1


def test_a_percent_sign_in_a_code_is_harmless() -> None:
    with override("zh-hans"):
        assert cancellation_message(cancellation("REJECTED", code="%(sentence)s %d"))
