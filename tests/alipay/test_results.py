"""The codes are those of Alipay's pages, and each leads to one documented next step."""

import subprocess
import sys

import pytest

from django_alipay_cancel.alipay.results import (
    CONFIGURATION_CODES,
    ERRORS,
    RESULT_CODES,
    NextStep,
    ResultStatus,
    next_step,
)

# https://docs.antom.com/ac/ams/paymentc_online
ONLINE_PAGE = {
    "SUCCESS": "S",
    "ACCESS_DENIED": "F",
    "CANCEL_WINDOW_EXCEED": "F",
    "INVALID_API": "F",
    "KEY_NOT_FOUND": "F",
    "MERCHANT_BALANCE_NOT_ENOUGH": "F",
    "NO_INTERFACE_DEF": "F",
    "ORDER_NOT_EXIST": "F",
    "ORDER_STATUS_INVALID": "F",
    "PARAM_ILLEGAL": "F",
    "PAYMENT_METHOD_NOT_SUPPORTED": "F",
    "PROCESS_FAIL": "F",
    "SYSTEM_ERROR": "F",
    "USER_NOT_EXIST": "F",
    "USER_STATUS_ABNORMAL": "F",
    "REQUEST_TRAFFIC_EXCEED_LIMIT": "U",
    "UNKNOWN_EXCEPTION": "U",
}
# https://docs.antom.com/ac/ams/paymentc
IN_STORE_PAGE = {
    "SUCCESS": "S",
    "CANCEL_WINDOW_EXCEED": "F",
    "CLIENT_INVALID": "F",
    "MEDIA_TYPE_NOT_ACCEPTABLE": "F",
    "MERCHANT_BALANCE_NOT_ENOUGH": "F",
    "METHOD_NOT_SUPPORTED": "F",
    "ORDER_NOT_EXIST": "F",
    "ORDER_STATUS_INVALID": "F",
}
# https://docs.antom.com/ac/ref/INVALID_SIGNATURE_error_code, and spellings seen elsewhere.
SIGNATURE_AND_ALIASES = {
    "INVALID_SIGNATURE": "F",
    "SIGNATURE_INVALID": "F",
    "INVALID_CLIENT": "F",
}
# https://global.alipay.com/docs/ac/ams/paymentri_online
INQUIRY_ONLY = {"PAYMENT_IN_PROCESS": "U"}
# On no page; https://github.com/alipay/global-open-sdk-java/issues/219 and its like.
SEEN_IN_THE_SANDBOX = {"ILLEGAL_CLIENT_IP": "F", "OAUTH_FAIL": "F"}
DOCUMENTED = (
    ONLINE_PAGE | IN_STORE_PAGE | SIGNATURE_AND_ALIASES | INQUIRY_ONLY | SEEN_IN_THE_SANDBOX
)

NEXT_STEP_OF_F = {
    "CANCEL_WINDOW_EXCEED": "REFUND",
    "PAYMENT_METHOD_NOT_SUPPORTED": "REFUND",
    "MERCHANT_BALANCE_NOT_ENOUGH": "TOP_UP_BALANCE",
    "ORDER_NOT_EXIST": "CHECK_PAYMENT_ID",
    "CLIENT_INVALID": "CHECK_CLIENT_ID",
    "INVALID_CLIENT": "CHECK_CLIENT_ID",
    "ORDER_STATUS_INVALID": "CHECK_ORDER_STATUS",
    "INVALID_SIGNATURE": "FIX_CONFIGURATION",
    "SIGNATURE_INVALID": "FIX_CONFIGURATION",
    "KEY_NOT_FOUND": "FIX_CONFIGURATION",
    "PARAM_ILLEGAL": "FIX_CONFIGURATION",
    "MEDIA_TYPE_NOT_ACCEPTABLE": "FIX_CONFIGURATION",
    "METHOD_NOT_SUPPORTED": "FIX_CONFIGURATION",
    "INVALID_API": "FIX_CONFIGURATION",
    "NO_INTERFACE_DEF": "FIX_CONFIGURATION",
    "ILLEGAL_CLIENT_IP": "FIX_CONFIGURATION",
    "OAUTH_FAIL": "FIX_CONFIGURATION",
    "ACCESS_DENIED": "CONTACT_ALIPAY",
    "PROCESS_FAIL": "CONTACT_ALIPAY",
    "SYSTEM_ERROR": "CONTACT_ALIPAY",
    "USER_NOT_EXIST": "CONTACT_ALIPAY",
    "USER_STATUS_ABNORMAL": "CONTACT_ALIPAY",
}
NEXT_STEP_OF_ERROR = {
    "connection_failed": "CONTACT_ALIPAY",
    "tls_failed": "FIX_CONFIGURATION",
    "timeout": "CONTACT_ALIPAY",
    "connection_lost": "CONTACT_ALIPAY",
    "http_status": "CONTACT_ALIPAY",
    "too_large": "CONTACT_ALIPAY",
    "invalid_body": "CONTACT_ALIPAY",
    "unsigned": "FIX_CONFIGURATION",
    "bad_signature": "FIX_CONFIGURATION",
    "wrong_client": "FIX_CONFIGURATION",
    "id_mismatch": "CONTACT_ALIPAY",
    "stale_response": "CONTACT_ALIPAY",
    "configuration": "FIX_CONFIGURATION",
    "not_stored": "FIX_CONFIGURATION",
    "abandoned": "CONTACT_ALIPAY",
}


def test_the_codes_and_their_statuses_are_those_of_alipays_pages() -> None:
    known = {name: code.result_status.value for name, code in RESULT_CODES.items()}
    assert known == DOCUMENTED


def test_a_code_is_filed_under_its_own_name() -> None:
    assert all(code.name == name for name, code in RESULT_CODES.items())


def test_the_table_cannot_be_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        RESULT_CODES["SUCCESS"] = RESULT_CODES["SYSTEM_ERROR"]  # type: ignore[index]


def test_every_f_code_is_given_a_next_step_by_the_contract() -> None:
    assert set(NEXT_STEP_OF_F) == {name for name, status in DOCUMENTED.items() if status == "F"}


@pytest.mark.parametrize(("code", "step"), NEXT_STEP_OF_F.items())
def test_an_f_code_asks_for_its_next_step(code: str, step: str) -> None:
    assert next_step(result_code=code) == step
    assert RESULT_CODES[code].next_step == step


@pytest.mark.parametrize("code", [name for name, status in DOCUMENTED.items() if status == "U"])
def test_a_u_asks_to_wait_and_once_the_delays_are_used_up_for_alipays_help(code: str) -> None:
    assert RESULT_CODES[code].next_step is NextStep.WAIT
    assert next_step(result_code=code) is NextStep.CONTACT_ALIPAY


def test_success_asks_for_nothing_but_an_s_that_decided_nothing_needs_alipays_help() -> None:
    assert RESULT_CODES["SUCCESS"].result_status is ResultStatus.S
    assert RESULT_CODES["SUCCESS"].next_step is NextStep.NONE
    assert next_step(result_code="SUCCESS") is NextStep.CONTACT_ALIPAY


@pytest.mark.parametrize("code", ["", "A_CODE_OF_NEXT_YEAR", "success", "REFUND_IN_PROCESS"])
def test_an_unknown_code_needs_alipays_help(code: str) -> None:
    assert next_step(result_code=code) is NextStep.CONTACT_ALIPAY


def test_every_error_is_given_a_next_step_by_the_contract() -> None:
    assert set(ERRORS) == set(NEXT_STEP_OF_ERROR)
    assert len(ERRORS) == len(set(ERRORS))


@pytest.mark.parametrize(("error", "step"), NEXT_STEP_OF_ERROR.items())
@pytest.mark.parametrize("code", ["", "SUCCESS", "CANCEL_WINDOW_EXCEED", "CLIENT_INVALID"])
def test_an_error_decides_whatever_code_came_with_it(error: str, step: str, code: str) -> None:
    assert next_step(result_code=code, error=error) == step


def test_the_configuration_codes_are_those_about_the_request_and_not_the_payment() -> None:
    assert set(CONFIGURATION_CODES) == {
        "INVALID_SIGNATURE",
        "SIGNATURE_INVALID",
        "KEY_NOT_FOUND",
        "CLIENT_INVALID",
        "INVALID_CLIENT",
        "ACCESS_DENIED",
        "PARAM_ILLEGAL",
        "METHOD_NOT_SUPPORTED",
        "MEDIA_TYPE_NOT_ACCEPTABLE",
        "INVALID_API",
        "NO_INTERFACE_DEF",
        "ILLEGAL_CLIENT_IP",
        "OAUTH_FAIL",
    }


@pytest.mark.parametrize("code", sorted(CONFIGURATION_CODES))
def test_a_code_that_is_treated_specially_is_an_f(code: str) -> None:
    assert RESULT_CODES[code].result_status is ResultStatus.F


def test_results_are_read_without_django() -> None:
    program = (
        "import sys, django_alipay_cancel.alipay.results;"
        "sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
