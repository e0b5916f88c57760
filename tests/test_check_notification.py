"""check_notification: a kept notification is diagnosed, and what would have verified is said."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from django_alipay_cancel.models import Payment
from django_alipay_cancel.testing.keys import new_key
from django_alipay_cancel.testing.wire import Seal

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CLIENT_ID = "SANDBOX_5X00000000000000"
TIME = "2026-01-02T11:04:05+08:00"
PATH = "/shop/alipay/notify/"
DOCUMENT = {"notifyType": "PAYMENT_RESULT", "url": "https://a/b", "name": "支付"}
SIGNED = json.dumps(DOCUMENT, separators=(",", ":"), ensure_ascii=False).encode()
BLANKS = json.dumps(DOCUMENT).encode()
OTHER_BODY = (
    "Let nothing on the way write the body anew, and give verify_notification the raw bytes."
)
OTHER_PATH = (
    "Let the proxy pass the path on that Alipay calls, a prefix as SCRIPT_NAME; or register the "
    "address that Django sees."
)


@pytest.fixture
def check(gateway, tmp_path):
    """Sign a body for a path, keep what came instead, and run the command."""

    def run(
        signed=SIGNED, came=None, *, signed_path=PATH, path=PATH, key=None, lines=(), **headers
    ):
        seal = Seal(uri=signed_path, client_id=CLIENT_ID, time=TIME, key=key or gateway.keys.alipay)
        fields = {
            "Signature": seal.signature(signed),
            "Client-Id": CLIENT_ID,
            "Request-Time": TIME,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [f"POST {path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items() if v), *lines]
        (tmp_path / "headers").write_text("\r\n".join(kept))
        (tmp_path / "body").write_bytes(signed if came is None else came)
        return command(tmp_path / "headers", tmp_path / "body", path)

    return run


def command(headers, body, path, *arguments):
    output = io.StringIO()
    files = ("--headers", str(headers), "--body", str(body), "--path", path)
    try:
        call_command("check_notification", *files, *arguments, stdout=output, no_color=True)
    except CommandError as error:
        return 1, output.getvalue() + str(error)
    return 0, output.getvalue()


def test_a_genuine_notification_verifies_and_nothing_is_recorded(check):
    status, told = check()
    assert status == 0
    assert "ok       Alipay signed it for this merchant and path." in told
    assert told.endswith("It verifies. Nothing was recorded.\n")
    assert check(path=f"https://shop.example{PATH}?shop=1")[0] == 0
    assert not Payment.objects.exists()


def _lf(body):
    return body.replace(b",", b",\n")


@pytest.mark.parametrize(
    ("signed", "came", "how"),
    [
        (SIGNED, SIGNED + b"\r\n", "without the line ends and blanks around it"),
        (SIGNED + b"\n", SIGNED, "with LF at its end"),
        (SIGNED + b"\r\n", SIGNED + b"\n", "with CRLF at its end"),
        (_lf(SIGNED), _lf(SIGNED).replace(b"\n", b"\r\n"), "with LF in place of CRLF"),
        (_lf(SIGNED).replace(b"\n", b"\r\n"), _lf(SIGNED), "with CRLF in place of LF"),
        (SIGNED, b"\xef\xbb\xbf" + SIGNED, "without its byte order mark"),
        (SIGNED, BLANKS, "as compact JSON"),
        (
            json.dumps(DOCUMENT, separators=(",", ":")).encode(),
            SIGNED,
            "as compact JSON in ASCII",
        ),
        (SIGNED.replace(b"/", b"\\/"), BLANKS, "as compact JSON with escaped slashes"),
        (
            json.dumps(DOCUMENT, separators=(",", ":")).replace("/", "\\/").encode(),
            SIGNED,
            "as compact JSON in ASCII with escaped slashes",
        ),
        (BLANKS, SIGNED, "as JSON with blanks in ASCII"),
        (json.dumps(DOCUMENT, ensure_ascii=False).encode(), SIGNED, "as JSON with blanks"),
        (
            json.dumps(DOCUMENT, ensure_ascii=False, indent=2).encode(),
            SIGNED,
            "as JSON indented by 2",
        ),
        (
            json.dumps(DOCUMENT, ensure_ascii=False, indent=4).encode(),
            SIGNED,
            "as JSON indented by 4",
        ),
    ],
)
def test_which_body_would_have_verified_is_said(check, signed, came, how):
    status, told = check(signed, came)
    assert status == 1
    assert "bad_signature (changed_text)." in told
    assert f"It would have verified with the body {how}.\n           {OTHER_BODY}\n" in told
    assert told.endswith("It does not verify. Nothing was recorded. See docs/how-to/signatures.md.")


@pytest.mark.parametrize(
    ("signed_path", "path", "lines"),
    [
        ("/alipay/notify/", PATH, ()),
        ("/notify/", PATH, ()),
        (PATH, "/alipay/notify/", ("X-Forwarded-Prefix: /shop",)),
        (PATH, "/n/", (f"X-Original-URI: {PATH}",)),
        (f"{PATH}?a=1", "/n/", (f"X-Original-URI: {PATH}?a=1",)),
        (PATH.rstrip("/"), PATH, ()),
        (PATH, PATH.rstrip("/"), ()),
        (PATH, f"{PATH}2/", ()),
        ("/n/ORDER%2f17/", "/n/ORDER%2F17/", ()),
        ("/n/a%2Cb/", "/n/a,b/", ()),
        ("/n/%E6%94%AF/", "/n/支/", ()),
        ("/n/%7Eshop/", "/n/~shop/", ()),
    ],
)
def test_which_path_would_have_verified_is_said(check, signed_path, path, lines):
    status, told = check(signed_path=signed_path, path=path, lines=lines)
    assert status == 1
    if path == f"{PATH}2/":
        assert "No other body or path that was tried would have verified." in told
        return
    assert f"It would have verified with the path {signed_path}.\n           {OTHER_PATH}\n" in told


def test_a_prefix_that_the_project_forces_is_tried(check, settings):
    settings.FORCE_SCRIPT_NAME = "/shop"
    _, told = check(path="/alipay/notify/")
    assert f"It would have verified with the path {PATH}." in told


def test_both_may_be_changed_and_both_remedies_are_said(check):
    _, told = check(SIGNED, BLANKS, path="/x/shop/alipay/notify/")
    assert (
        f"It would have verified with the path {PATH}, with the body as compact JSON.\n"
        f"           {OTHER_PATH} {OTHER_BODY}\n" in told
    )


def test_a_client_id_that_was_changed_on_the_way_is_said(check):
    _, told = check(Client_Id="5X9")
    assert "wrong_client (other_client)." in told
    assert "It is for the client ID 5X9 instead of CLIENT_ID." in told
    assert f"It would have verified for the client ID {CLIENT_ID}.\n" in told


def test_another_key_leaves_nothing_to_try(check):
    status, told = check(key=new_key())
    assert status == 1
    assert "bad_signature (other_key)." in told
    assert "No key in ALIPAY_PUBLIC_KEY made this signature." in told
    assert "No other body or path that was tried would have verified." in told


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"Signature": None, "Request_Time": None},
            "unsigned",
            "The headers signature and request-time are both missing: it is not from Alipay, or "
            "something on the way took them out.",
        ),
        (
            {"signed": b"[]"},
            "invalid_body",
            "Alipay signed it, but the body is no JSON object.",
        ),
        (
            {"came": b" " * 100_000},
            "too_large",
            "The body is larger than any notification of Alipay.",
        ),
        (
            {"lines": ("signature: x",)},
            "bad_signature (header_doubled)",
            "The header signature came more than once: something on the way added one.",
        ),
    ],
)
def test_what_no_text_can_mend_is_said(check, options, error, sentence):
    status, told = check(**options)
    assert status == 1
    assert f"  error    {error}.\n           {sentence}\n" in told


def test_what_cannot_be_read_or_is_not_configured_is_named(check, settings, tmp_path):
    check()
    headers, body = tmp_path / "headers", tmp_path / "body"
    assert command("/nowhere/headers", body, PATH) == (
        1,
        "--headers: /nowhere/headers cannot be read: No such file or directory.",
    )
    assert command(headers, tmp_path, PATH)[1] == (
        f"--body: {tmp_path} cannot be read: Is a directory."
    )
    assert (
        "no dictionary for the merchant 'eu'" in command(headers, body, PATH, "--merchant", "eu")[1]
    )
