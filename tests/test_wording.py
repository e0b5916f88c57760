"""What people read is there in both languages, and never claims more than is known."""

import pytest
from django.utils.translation import override

from django_alipay_cancel.alipay.results import ERRORS, RESULT_CODES, NextStep, ResultStatus
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.wording import (
    cancellation_message,
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


def cancellation(
    status: str,
    *,
    code: str = "",
    error: str = "",
    step: NextStep = NextStep.WAIT,
    payment_status: str = "CANCELLING",
) -> Cancellation:
    wish: Cancellation = Cancellation(
        status=status,
        result_code=code,
        error=error,
        next_step=step,
        payment=Payment(status=payment_status),
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
                cancellation_message(cancellation("SUCCEEDED", payment_status="FAIL")),
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
    assert in_both_languages(label) == ("Refund instead", "改为退款")


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


def test_success_says_that_the_payment_is_cancelled_and_nothing_else() -> None:
    succeeded = cancellation("SUCCEEDED", code="SUCCESS", step=NextStep.NONE)
    english, chinese = in_both_languages(lambda: cancellation_message(succeeded))
    assert english == "The payment is cancelled. Money already paid goes back to the buyer in full."
    assert chinese == "取消成功，该支付已取消。买家已支付的款项将全额原路退回。"


def test_a_payment_that_had_failed_is_not_called_cancelled() -> None:
    unpaid = cancellation("SUCCEEDED", step=NextStep.NONE, payment_status="FAIL")
    english, chinese = in_both_languages(lambda: cancellation_message(unpaid))
    assert english == "The payment had failed; no money was taken, there is nothing to cancel."
    assert chinese == "支付失败，未扣款，无需取消。"


def test_a_rejection_says_what_happened_why_and_what_to_do() -> None:
    rejected = cancellation("REJECTED", code="CANCEL_WINDOW_EXCEED", step=NextStep.REFUND)
    english, chinese = in_both_languages(lambda: cancellation_message(rejected))
    assert english == (
        "The payment was not cancelled. "
        "The time in which this payment could be cancelled is over. "
        "If the buyer is to get the money back, refund the payment."
    )
    assert chinese == (
        "取消失败，该支付未取消。已超过该支付的可取消时间。如需将款项退还买家，请发起退款。"
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
            f"{error_sentence('unsigned')} {result_sentence('KEY_NOT_FOUND')} "
            f"{next_step_sentence(NextStep.FIX_CONFIGURATION)}"
        )


def test_a_percent_sign_in_a_code_is_harmless() -> None:
    with override("zh-hans"):
        assert cancellation_message(cancellation("REJECTED", code="%(sentence)s %d"))
