"""check_alipay: each thing that can be wrong is told apart, and scripts get an exit status."""

from __future__ import annotations

import io
import json
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from django.core.checks import Info
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.management.commands.check_alipay import Command
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services.diagnosing import diagnose
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.keys import new_key, private_key_text, public_key_text
from django_alipay_cancel.testing.wire import Delivery, Seal
from tests.meanwhile import meanwhile, thrown_out
from tests.servers import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def check(gateway, settings):
    """Run the command with these changes to the settings; return exit status and output."""

    def run(*arguments, merchant="default", **changes):
        entry = gateway.merchant_settings() | changes
        settings.ALIPAY_CANCEL = {"MERCHANTS": {merchant: entry}, "TIMEOUT": (1, 2)}
        return command(*arguments)

    return run


def command(*arguments):
    output = io.StringIO()
    try:
        call_command("check_alipay", *arguments, stdout=output, no_color=True)
    except CommandError as error:
        assert error.returncode == 1
        return 1, output.getvalue() + str(error)
    return 0, output.getvalue()


def test_good_settings_are_described_and_nothing_is_sent(gateway, check):
    status, told = check()
    assert status == 0
    assert "default:" in told
    assert "['PRIVATE_KEY']: RSA private key, 2048 bits, SHA-256 of its public half " in told
    assert "['ALIPAY_PUBLIC_KEY']: RSA public key, 2048 bits, SHA-256 " in told
    assert "Nothing was sent: --live asks Alipay too." in told
    assert not gateway.calls
    assert len(told.splitlines()) <= 24, "more than one screen"


def test_the_fingerprint_is_the_one_other_tools_print(gateway, check):
    import base64
    import hashlib

    der = base64.b64decode(gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"])
    assert f"SHA-256 {hashlib.sha256(der).hexdigest()}" in check()[1]


def test_a_signed_answer_about_a_made_up_payment_proves_keys_path_and_client_id(gateway, check):
    status, told = check("--live")
    assert status == 0
    assert "Alipay answered with its signature: keys, path and client ID work." in told
    assert told.endswith("No errors.\n")
    (call,) = gateway.calls
    assert (call.api, call.answered) == ("inquiryPayment", "ORDER_NOT_EXIST")
    check("--live")
    assert len({call.body for call in gateway.calls}) == 2, "made up anew each time"


def test_callables_are_called(gateway, check):
    entry = gateway.merchant_settings()
    status, told = check("--live", PRIVATE_KEY=lambda: entry["PRIVATE_KEY"])
    assert status == 0
    assert "['PRIVATE_KEY']: RSA private key, 2048 bits" in told


def test_a_callable_that_fails_is_told_and_hides_nothing_else(check, caplog):
    def ask():
        raise ConnectionRefusedError("vault.example:8200")

    status, told = check("--live", PRIVATE_KEY=ask, CLIENT_ID="a b")
    assert status == 1
    assert "['PRIVATE_KEY']: the callable raised ConnectionRefusedError." in told
    assert "['CLIENT_ID'] must be printable ASCII" in told
    assert "['ALIPAY_PUBLIC_KEY']: RSA public key" in told
    assert told.endswith("2 errors.")
    assert "vault.example:8200" in caplog.text


# --- keys -----------------------------------------------------------------------------------------


def test_ones_own_public_key_in_place_of_alipays_is_told_without_a_call(gateway, check):
    own = public_key_text(gateway.keys.merchant.public_key())
    status, told = check("--live", ALIPAY_PUBLIC_KEY=own)
    assert status == 1
    assert "['ALIPAY_PUBLIC_KEY'] is your own public key." in told
    assert not gateway.calls


def test_private_and_public_key_swapped_are_told(gateway, check):
    entry = gateway.merchant_settings()
    status, told = check(
        PRIVATE_KEY=entry["ALIPAY_PUBLIC_KEY"], ALIPAY_PUBLIC_KEY=entry["PRIVATE_KEY"]
    )
    assert status == 1
    assert "PRIVATE_KEY and ALIPAY_PUBLIC_KEY are swapped." in told


def test_a_private_key_that_does_not_fit_is_told_from_a_wrong_public_key(gateway, check):
    status, told = check("--live", PRIVATE_KEY=private_key_text(new_key()))
    assert status == 1
    assert "unsigned (INVALID_SIGNATURE)" in told
    assert "The public half of PRIVATE_KEY must be uploaded to Alipay as key version 1." in told
    status, told = check("--live", ALIPAY_PUBLIC_KEY=public_key_text(new_key().public_key()))
    assert status == 1
    assert "bad_signature" in told
    assert "Check ALIPAY_PUBLIC_KEY in the settings." in told


def test_a_key_version_alipay_does_not_know_is_told(check):
    status, told = check("--live", KEY_VERSION="2")
    assert status == 1
    assert "KEY_NOT_FOUND" in told
    assert "as key version 2" in told


# --- client id and path ---------------------------------------------------------------------------


def test_another_client_id_is_told(check):
    status, told = check("--live", CLIENT_ID="SANDBOX_5X99999999999999")
    assert status == 1
    assert "CLIENT_INVALID" in told
    assert "Alipay does not accept the client ID." in told


@pytest.mark.parametrize(
    ("client_id", "setting", "right"),
    [("SANDBOX_5X00000000000000", False, True), ("5X00000000000000", True, False)],
)
def test_the_other_path_is_tried_and_the_setting_to_change_is_named(
    settings, client_id, setting, right
):
    with FakeAlipay(client_id=client_id) as gateway:
        # An account lives on one of the two paths only.
        lives_on = "/ams/sandbox/" if right else "/ams/api/"
        handle = gateway.handle

        def one_path_only(request):
            if not request.path.startswith(lives_on):
                request = type(request)(
                    method=request.method, target="/elsewhere", headers={}, body=b""
                )
            return handle(request)

        gateway.handle = one_path_only
        entry = gateway.merchant_settings() | {"SANDBOX_PATH": setting}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        status, told = command("--live")
    assert status == 1
    path = "sandbox" if right else "production"
    assert f"Alipay knows this merchant on the {path} path only." in told
    assert f"Set ALIPAY_CANCEL['MERCHANTS']['default']['SANDBOX_PATH'] to {right}." in told
    assert "does not fit CLIENT_ID" in told, "doubtful without a call too"


def test_where_both_paths_fail_the_first_failure_is_told(gateway, check):
    gateway.misbehave(Fault.HTTP_STATUS, calls=None, status=502, body="no\r\nway")
    status, told = check("--live")
    assert status == 1
    assert "http_status (HTTP 502, no way)" in told
    assert "on the" not in told.replace("on the server", "")


# --- the way there --------------------------------------------------------------------------------


def test_a_host_that_cannot_be_reached_is_told(check):
    port = free_port()
    status, told = check("--live", GATEWAY_URL=f"http://127.0.0.1:{port}")
    assert status == 1
    assert f"127.0.0.1:{port}: connection_failed" in told
    assert "refused" in told
    assert "The gateway could not be reached" in told


def test_a_name_that_cannot_be_resolved_is_told_with_the_regional_choices(check):
    status, told = check("--live", GATEWAY_URL="https://nowhere.invalid")
    assert status == 1
    assert "nowhere.invalid: connection_failed (the name cannot be resolved" in told
    for region in ("North America", "Asia", "Europe"):
        assert f"({region})" in told


def through(port):
    return {
        "PROXY": f"http://127.0.0.1:{port}",
        "PROXY_USER": "user",
        "PROXY_PASSWORD": "s3cret",
    }


def test_a_bad_proxy_is_told_without_its_password(check):
    port = free_port()
    status, told = check("--live", **through(port))
    assert status == 1
    assert f"through the proxy 127.0.0.1:{port}: connection_failed" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong host", "mismatch"),
        ("expired", "certificate has expired"),
        ("unknown authority", "certificate"),
    ],
)
def test_why_a_certificate_is_refused_is_told(tmp_path, settings, kind, reason):
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    (trustme.CA() if kind == "unknown authority" else authority).cert_pem.write_to_path(bundle)
    options = {"not_after": datetime.now(UTC) - timedelta(days=1)} if kind == "expired" else {}
    host = "elsewhere.example" if kind == "wrong host" else "127.0.0.1"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, **options).configure_cert(tls)
    with FakeAlipay(tls=tls) as gateway:
        entry = gateway.merchant_settings() | {"CA_BUNDLE": str(bundle)}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        status, told = command("--live")
        assert not gateway.calls
    assert status == 1
    assert "tls_failed" in told
    assert reason in told
    assert "CA_BUNDLE in the settings and the server's clock" in told


def test_a_ca_bundle_that_cannot_be_read_is_told(check):
    status, told = check("--live", CA_BUNDLE="/nowhere/ca.pem")
    assert status == 1
    assert "['CA_BUNDLE'] cannot be read" in told


@pytest.mark.parametrize(
    ("seconds", "told_as"),
    [(-7200, "720. s ahead of Alipay's"), (7200, "7(199|200) s behind Alipay's")],
)
def test_clocks_that_differ_are_told(gateway, check, seconds, told_as):
    import re

    gateway.advance(seconds)
    status, told = check("--live")
    assert status == 0
    assert re.search(f"This server's clock is {told_as}", told)


def test_a_clock_that_makes_answers_stale_is_an_error(gateway, settings):
    gateway.advance(600)
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RESPONSE_TIME_TOLERANCE": 300}
    status, told = command("--live")
    assert status == 1
    assert "stale_response" in told
    assert "behind Alipay's" in told


def test_answers_of_another_code_are_told_apart(gateway, check):
    gateway.misbehave(Fault.RESULT, result_code="ACCESS_DENIED")
    status, told = check("--live")
    assert status == 1
    assert "Alipay answered ACCESS_DENIED: Alipay does not give this merchant access." in told
    gateway.misbehave(Fault.THROTTLED)
    status, told = check("--live")
    assert status == 0
    assert "Try again." in told


# --- what is no answer of Alipay's, or not the expected one ---------------------------------------

CALLED = "/ams/sandbox/api/v1/payments/inquiryPayment"
NO_RESULT = (
    "The gateway answered with an HTTP error instead of a result. "
    "Check GATEWAY_URL in the settings and the proxy."
)
UNREADABLE = "The answer could not be read. Check GATEWAY_URL in the settings and the proxy."
PAGE = b"<html>\n<title>Corporate login</title></html>"


def answer_of(code, status, message):
    """An unsigned answer, as Alipay gives it to a request that it does not accept."""
    result = {"resultCode": code, "resultStatus": status, "resultMessage": message}
    return Delivery(body=json.dumps({"result": result}).encode())


@pytest.mark.parametrize(
    ("delivery", "told_as", "hint"),
    [
        (
            answer_of("ACCESS_DENIED", "F", "IP 203.0.113.9 is not in the white list"),
            "unsigned (ACCESS_DENIED). Its message: IP 203.0.113.9 is not in the white list",
            "Alipay does not give this merchant access.",
        ),
        (
            answer_of("PARAM_ILLEGAL", "F", "merchantAccountId must not be blank"),
            "unsigned (PARAM_ILLEGAL). Its message: merchantAccountId must not be blank",
            "Alipay found that something in the request is missing or invalid.",
        ),
        (
            Delivery(headers={"content-type": "text/html"}, body=PAGE),
            "invalid_body (<html> <title>Corporate login</title></html>). Content-Type: text/html.",
            UNREADABLE,
        ),
        (
            Delivery(body=b'{"error_response":{"code":"40002"}}'),
            'invalid_body ({"error_response":{"code":"40002"}}).',
            UNREADABLE,
        ),
        (
            Delivery(headers={"content-encoding": "gzip", "signature": "x"}, body=b"x"),
            "invalid_body (x). Content-Encoding: gzip.",
            UNREADABLE,
        ),
        (
            Delivery(status=302, headers={"location": "https://login.example/in?token=s3cret"}),
            "http_status (HTTP 302). Location: https://login.example/in.",
            NO_RESULT,
        ),
        (
            Delivery(status=502, headers={"content-type": "text/plain"}, body=b"no way"),
            "http_status (HTTP 502, no way). Content-Type: text/plain.",
            NO_RESULT,
        ),
    ],
)
def test_what_is_no_answer_is_shown_with_the_message_the_location_and_the_media_type(
    gateway, check, delivery, told_as, hint
):
    gateway.handle = lambda request: delivery
    status, told = check("--live")
    assert status == 1
    where = gateway.url.removeprefix("http://")
    assert f"  error    {where}: {told_as}\n           {hint}\n" in told
    assert "s3cret" not in told


def test_the_address_that_was_called_and_what_its_name_resolves_to_are_told(gateway, check):
    _, told = check("--live")
    assert f"  ok       Asked {gateway.url}{CALLED} (127.0.0.1: 127.0.0.1).\n" in told
    _, told = check("--live", GATEWAY_URL="https://nowhere.invalid")
    assert (
        f"Asked https://nowhere.invalid{CALLED} (nowhere.invalid: the name does not resolve)."
        in told
    )
    _, told = check("--live", PROXY=gateway.url)
    assert f"Asked {gateway.url}{CALLED} through the proxy 127.0.0.1 (127.0.0.1)." in told


def test_alipays_message_of_a_signed_answer_is_told(gateway, check):
    result = {"resultCode": "PARAM_ILLEGAL", "resultStatus": "F", "resultMessage": "no such field"}
    body = json.dumps({"result": result}).encode()
    time = gateway.now.isoformat(timespec="seconds")
    seal = Seal(uri=CALLED, client_id=gateway.client_id, time=time, key=gateway.keys.alipay)
    gateway.handle = lambda request: seal.answer(body)
    status, told = check("--live")
    assert status == 1
    assert (
        "Alipay answered PARAM_ILLEGAL: Alipay found that something in the request is missing or "
        "invalid. Its message: no such field\n" in told
    )


def test_success_of_an_inquiry_is_not_told_as_a_cancelled_payment(gateway, check):
    gateway.misbehave(Fault.RESULT, result_code="SUCCESS", result_status="S")
    status, told = check("--live")
    assert status == 0
    assert "Alipay answered SUCCESS for a payment that cannot exist (-).\n" in told
    assert "Is an error scenario simulated in Alipay's dashboard?" in told
    assert "Alipay cancelled the payment" not in told


def test_a_time_that_cannot_be_read_is_shown(gateway, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RESPONSE_TIME_TOLERANCE": 300}
    seal = Seal(
        uri=CALLED, client_id=gateway.client_id, time="1764158400000", key=gateway.keys.alipay
    )
    gateway.handle = lambda request: seal.answer(
        json.dumps({"result": {"resultStatus": "F", "resultCode": "ORDER_NOT_EXIST"}}).encode()
    )
    status, told = command("--live")
    assert status == 1
    assert "stale_response (1764158400000)." in told


# --- which merchants, and the project -------------------------------------------------------------


def test_each_merchant_is_checked_or_the_named_one(gateway, settings):
    entry = gateway.merchant_settings()
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "eu": entry | {"PRIVATE_KEY": "x"}}}
    status, told = command()
    assert (status, "default:" in told, "eu:" in told) == (1, True, True)
    status, told = command("--merchant", "default")
    assert (status, "eu" in told) == (0, False)
    assert command("--merchant", "us") == (
        1,
        "There is no merchant 'us'; there are default, eu.",
    )
    settings.ALIPAY_CANCEL = {}
    assert command() == (1, "ALIPAY_CANCEL['MERCHANTS'] names no merchant.")


def test_missing_settings_are_errors_here(gateway, settings):
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {}}}
    status, told = command("--live")
    assert status == 1
    assert told.count("is missing.") == 4


def test_overdue_rows_are_an_error(gateway, check):
    payment = services.record_payment(payment_request_id="order-1")
    services.request_cancellation(payment)
    assert check()[0] == 0
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    status, told = check()
    assert status == 1
    assert "no worker is running" in told
    assert "Start process_cancellations." in told


def test_a_database_without_the_tables_is_told(gateway, check):
    with meanwhile("SELECT", Cancellation, thrown_out):
        status, told = check()
    assert status == 1
    assert "The database cannot be used: deadlock detected" in told
    assert "Run `manage.py migrate`." in told


def test_each_key_of_a_dictionary_is_described(gateway, check):
    key = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    status, told = check(ALIPAY_PUBLIC_KEY={"1": key, "2": lambda: key})
    assert status == 0
    assert told.count("RSA public key, 2048 bits") == 2


def test_common_settings_that_cannot_work_are_told(gateway, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": []}
    status, told = command()
    assert status == 1
    assert "RETRY_DELAYS" in told


@pytest.mark.django_db(transaction=True)
def test_it_speaks_from_the_shell_where_the_system_checks_fail(gateway, settings, capsys):
    entry = gateway.merchant_settings() | {"PRIVAT_KEY": "x"}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    with pytest.raises(SystemExit) as status:
        Command().run_from_argv(["manage.py", "check_alipay"])
    assert status.value.code == 1
    assert "['PRIVAT_KEY'] is unknown." in capsys.readouterr().out


def test_the_diagnosis_is_a_list_of_values(gateway):
    findings = diagnose("default", live=True)
    assert [type(finding) for finding in findings] == [Info, Info, Info, Info]
