"""The system checks: each compared whole, none with I/O or a callable called."""

from __future__ import annotations

import importlib.metadata

import pytest
from django.core.checks import Error, Warning, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.utils.translation import override

from django_alipay_cancel import checks
from django_alipay_cancel.alipay.signing import load_private_key, load_public_key
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import new_key, private_key_text, public_key_text

ENTRY = "ALIPAY_CANCEL['MERCHANTS']['default']"
MISSING = "The settings are listed in the README; nothing can be cancelled without them."
MALFORMED = "The settings are listed in the README; check_alipay checks one merchant at a time."


@pytest.fixture
def entry():
    """Settings with which there is nothing to say."""
    return FakeAlipay().merchant_settings() | {"GATEWAY_URL": "https://open-na-global.alipay.com"}


@pytest.fixture
def found(settings):
    """Run the checks on these settings of one merchant; `common` are those of all merchants."""

    def run(entry, **common):
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}, **common}
        return checks.check_settings()

    return run


def error(text, hint, number):
    return Error(text, hint=hint, id=f"django_alipay_cancel.E00{number}")


def warning(text, hint, number):
    return Warning(text, hint=hint, id=f"django_alipay_cancel.W00{number}")


def test_good_settings_leave_nothing_to_say(found, entry):
    assert found(entry) == []
    assert found(entry | {"GATEWAY_URL": "http://127.0.0.1:8001"}) == []
    assert found(entry | {"GATEWAY_URL": "https://open.antglobal-us.com/"}) == []
    # A sandbox of its own, the path forced to what it would be anyway.
    assert found(entry | {"SANDBOX_PATH": True}) == []
    proxy = {"PROXY": "http://proxy.example:3128"}
    assert found(entry | proxy) == []
    assert found(entry | proxy | {"PROXY_USER": "shop", "PROXY_PASSWORD": "a:b@c é"}) == []


def test_settings_that_are_checked_again_parse_no_key_again(found, entry):
    def parsed():
        return [load.cache_info().misses for load in (load_private_key, load_public_key)]

    found(entry)
    once = parsed()
    assert found(entry) == []
    assert parsed() == once


# Django's own checks ask the database what it can do, from 6.1 on.
@pytest.mark.django_db
def test_they_are_registered(settings):
    settings.ALIPAY_CANCEL = "nonsense"
    assert error("ALIPAY_CANCEL must be a dictionary.", MALFORMED, 1) in run_checks()


@pytest.mark.django_db
def test_missing_settings_warn_so_that_migrate_works_without_secrets(settings, found):
    settings.ALIPAY_CANCEL = {}
    assert checks.check_settings() == [
        warning("ALIPAY_CANCEL['MERCHANTS'] names no merchant.", MISSING, 1)
    ]
    names = ("CLIENT_ID", "PRIVATE_KEY", "ALIPAY_PUBLIC_KEY", "GATEWAY_URL")
    assert found({}) == [warning(f"{ENTRY}['{name}'] is missing.", MISSING, 2) for name in names]
    call_command("check", "--fail-level", "ERROR")


@pytest.mark.django_db
def test_unknown_names_are_errors(found, entry):
    assert found(entry | {"PRIVAT_KEY": "x"}) == [
        error(f"{ENTRY}['PRIVAT_KEY'] is unknown.", MALFORMED, 4)
    ]
    (unknown,) = found(entry, TIME_OUT=5)
    assert (unknown.msg, unknown.id) == (
        "ALIPAY_CANCEL['TIME_OUT'] is unknown.",
        "django_alipay_cancel.E002",
    )
    assert "TIMEOUT" in unknown.hint
    with pytest.raises(SystemCheckError):
        call_command("check")


@pytest.mark.parametrize("merchants", ["default", ["default"], {"default": None}])
def test_merchants_must_be_dictionaries(settings, merchants):
    settings.ALIPAY_CANCEL = {"MERCHANTS": merchants}
    assert checks.check_settings() == [
        error("ALIPAY_CANCEL['MERCHANTS'] must be a dictionary of dictionaries.", MALFORMED, 3)
    ]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("CLIENT_ID", "a b", "must be printable ASCII without blanks, at most 64 characters."),
        ("CLIENT_ID", 5, "must be text."),
        ("KEY_VERSION", "1\n", "must be printable ASCII without blanks, at most 16 characters."),
        ("AGENT_TOKEN", "x" * 129, "must be printable ASCII without blanks, at most 128"),
        ("MERCHANT_ACCOUNT_ID", "x" * 33, "is longer than 32 characters."),
        ("SANDBOX_PATH", "yes", "must be None, True or False."),
        ("GATEWAY_URL", "http://open-na-global.alipay.com", "must be https://"),
        ("GATEWAY_URL", "file:///etc/passwd", "must be an https:// address"),
        ("GATEWAY_URL", "ftp://open-na-global.alipay.com", "must be an https:// address"),
        ("GATEWAY_URL", "http://169.254.169.254", "must be https://"),
        ("GATEWAY_URL", "https://a:b@open-na-global.alipay.com", "must be scheme and host alone"),
        ("GATEWAY_URL", "https://open-na-global.alipay.com/ams/api", "must be without a path"),
        ("GATEWAY_URL", "https://open-na-global.alipay.com?a=1", "must be scheme and host alone"),
        ("GATEWAY_URL", "https://open-na-global.alipay.com:x", "is no address."),
        ("GATEWAY_URL", 5, "is no address."),
        ("GATEWAY_URL", "https://[::1", "is no address."),
        ("PROXY", "http://[::1", "must be an http:// address with host and port."),
        ("PROXY", "proxy.example:3128", "must be an http:// address with host and port."),
        ("PROXY", "socks5://proxy.example:1080", "must be an http:// address"),
        ("PROXY", "http://proxy.example:x", "must be an http:// address"),
        ("PROXY_USER", "shop:1", "must be printable text without a colon."),
        ("PROXY_USER", 7, "must be printable text without a colon."),
        ("PROXY_PASSWORD", "a\r\nX: 1", "must be printable text."),
        ("PROXY_PASSWORD", b"a", "must be printable text."),
    ],
)
def test_what_cannot_work_is_an_error(found, entry, name, value, problem):
    messages = found(entry | {name: value})
    (wrong,) = [message for message in messages if message.id != "django_alipay_cancel.W003"]
    assert wrong.id == "django_alipay_cancel.E004"
    assert wrong.msg.startswith(f"{ENTRY}['{name}'] {problem}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIMEOUT", 5),
        ("TIMEOUT", (0, 5)),
        ("RETRY_DELAYS", ()),
        ("RETRY_DELAYS", (1, -1)),
        ("BULK_INLINE_SECONDS", "10"),
        ("CANCEL_UNRESOLVED_AFTER", "30m"),
        ("RESPONSE_TIME_TOLERANCE", "300"),
        ("CUSTOMERS_MAY_CANCEL", "no"),
        ("REFUND_URL", ["shop.refunds.url"]),
    ],
)
def test_a_common_setting_of_the_wrong_kind_is_an_error(found, entry, name, value):
    (wrong,) = found(entry, **{name: value})
    assert wrong.id == "django_alipay_cancel.E006"
    assert wrong.msg.startswith(f"ALIPAY_CANCEL['{name}'] must be")


@pytest.mark.parametrize("path", ["shop.no.such", "math.pi"])
def test_a_refund_url_that_is_no_function_is_an_error(found, entry, path):
    (wrong,) = found(entry, REFUND_URL=path)
    assert wrong.id == "django_alipay_cancel.E009"
    assert f"{path!r} is not the dotted path of a function" in wrong.msg
    assert found(entry, REFUND_URL="math.sqrt") == []


def test_a_key_that_is_none_is_an_error_and_told_by_what_it_is(found, entry):
    assert found(entry | {"PRIVATE_KEY": "nonsense!"}) == [
        error(
            f"{ENTRY}['PRIVATE_KEY']: Expected a key, found a text that is neither PEM nor base64.",
            MALFORMED,
            5,
        )
    ]
    assert found(entry | {"ALIPAY_PUBLIC_KEY": {"1": entry["ALIPAY_PUBLIC_KEY"], "2": 5}}) == [
        error(f"{ENTRY}['ALIPAY_PUBLIC_KEY']['2']: It must be text or a callable.", MALFORMED, 5)
    ]


def test_keys_in_each_others_place_are_told(found, entry):
    swapped = entry | {
        "PRIVATE_KEY": entry["ALIPAY_PUBLIC_KEY"],
        "ALIPAY_PUBLIC_KEY": entry["PRIVATE_KEY"],
    }
    hint = "PRIVATE_KEY and ALIPAY_PUBLIC_KEY are swapped."
    assert found(swapped) == [
        error(
            f"{ENTRY}['PRIVATE_KEY']: Expected an RSA private key, found an RSA public key.",
            hint,
            5,
        ),
        error(
            f"{ENTRY}['ALIPAY_PUBLIC_KEY']: Expected an RSA public key, found an RSA private key.",
            hint,
            5,
        ),
    ]
    (alone,) = found(entry | {"PRIVATE_KEY": entry["ALIPAY_PUBLIC_KEY"]})
    assert alone.hint.startswith("PRIVATE_KEY needs the private half")
    (alone,) = found(entry | {"ALIPAY_PUBLIC_KEY": entry["PRIVATE_KEY"]})
    assert alone.hint.startswith("ALIPAY_PUBLIC_KEY needs the public key")


@pytest.mark.parametrize(("by_version", "version"), [(False, ""), (True, "['1']")])
def test_ones_own_public_key_in_place_of_alipays_is_an_error(found, by_version, version):
    gateway = FakeAlipay()
    own = public_key_text(gateway.keys.merchant.public_key())
    entry = gateway.merchant_settings() | {
        "PRIVATE_KEY": private_key_text(gateway.keys.merchant),
        "ALIPAY_PUBLIC_KEY": {"1": own} if by_version else own,
        "GATEWAY_URL": "https://open-sea-global.alipay.com",
    }
    assert found(entry) == [
        error(
            f"{ENTRY}['ALIPAY_PUBLIC_KEY']{version} is your own public key.",
            "It is the public half of PRIVATE_KEY, which you upload to Alipay. Copy "
            "Alipay's public key from its console and put that here.",
            8,
        )
    ]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://gateway.example", "none of Alipay's gateways"),
        ("https://open-global.alipay.com", "withdrew in November 2023"),
        ("https://openapi.alipay.com", "another product"),
    ],
)
def test_a_host_that_is_none_of_alipays_is_doubtful_and_the_choices_are_named(
    found, entry, url, what
):
    (doubt,) = found(entry | {"GATEWAY_URL": url})
    assert doubt.id == "django_alipay_cancel.W003"
    assert what in doubt.msg
    for host in ("open-na-global", "open-sea-global", "open-de-global", "open.antglobal-us"):
        assert f"https://{host}" in doubt.hint


@pytest.mark.parametrize(
    ("client_id", "sandbox_path", "told"),
    [
        ("SANDBOX_5X00000000000000", False, "False with a client ID of the sandbox."),
        ("5X00000000000000", True, "True with a client ID of the production environment."),
    ],
)
def test_a_client_id_and_a_path_that_do_not_fit_are_doubtful(
    found, entry, client_id, sandbox_path, told
):
    (doubt,) = found(entry | {"CLIENT_ID": client_id, "SANDBOX_PATH": sandbox_path})
    assert doubt.id == "django_alipay_cancel.W004"
    assert doubt.msg == f"{ENTRY}['SANDBOX_PATH'] does not fit CLIENT_ID: {told}"
    assert "--live" in doubt.hint


@pytest.mark.parametrize("login", ["user:s3cret@", ":s3cret@", "s3cret@", "@", "a%40:s3cret@"])
def test_a_password_that_the_debug_page_would_show_is_an_error(found, entry, login):
    (wrong,) = found(entry | {"PROXY": f"http://{login}proxy.example:3128"})
    assert wrong.id == "django_alipay_cancel.E004"
    assert "s3cret" not in wrong.msg + wrong.hint
    assert wrong.msg == (
        f"{ENTRY}['PROXY'] must be without user and password: they are PROXY_USER and "
        "PROXY_PASSWORD."
    )


def test_a_callable_is_never_called(found, entry):
    def ask():
        raise AssertionError("a check must not call this")

    assert found(dict.fromkeys(entry, ask)) == []
    assert found(entry | {"ALIPAY_PUBLIC_KEY": {"1": ask}, "PROXY": ask}) == []


def test_both_packages_of_the_state_machine_are_an_error_with_the_commands_that_repair_it(
    monkeypatch,
):
    assert checks.check_fsm_package() == []
    monkeypatch.setattr(checks, "version", lambda name: "1.0")
    (clash,) = checks.check_fsm_package()
    assert clash.id == "django_alipay_cancel.E007"
    assert "pip uninstall django-fsm`" in clash.hint
    assert "pip install --force-reinstall --no-deps django-fsm-2`" in clash.hint
    only_one = importlib.metadata.PackageNotFoundError

    def old_one_only(name):
        if name == "django-fsm-2":
            raise only_one
        return "3.0.1"

    monkeypatch.setattr(checks, "version", old_one_only)
    assert checks.check_fsm_package() == []


def test_they_speak_the_language_of_the_settings_and_exceptions_english(settings, found, entry):
    with override("zh-hans"):
        (missing,) = found(entry | {"CLIENT_ID": ""})
        (wrong,) = found(entry | {"PRIVATE_KEY": "nonsense!"})
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry | {"CLIENT_ID": ""}}}
        with pytest.raises(ImproperlyConfigured) as refused:
            client_for("default")
        settings.ALIPAY_CANCEL = "nonsense"
        (malformed,) = checks.check_settings()
        with pytest.raises(ImproperlyConfigured) as refused_whole:
            client_for("default")
    assert (missing.msg, missing.hint) == (
        f"缺少 {ENTRY}['CLIENT_ID']。",
        "设置项见 README；缺少这些设置将无法取消任何支付。",
    )
    assert wrong.msg == (f"{ENTRY}['PRIVATE_KEY']: 应为密钥，实际文本既不是 PEM 也不是 base64。")
    assert str(refused.value) == f"{ENTRY}['CLIENT_ID'] is missing."
    assert malformed.msg == "ALIPAY_CANCEL 必须是字典。"
    assert str(refused_whole.value) == "ALIPAY_CANCEL must be a dictionary."


def test_what_a_key_is_instead_is_told_in_chinese_too(found, entry):
    own = private_key_text(new_key())
    with override("zh-hans"):
        texts = [message.msg for message in found(entry | {"ALIPAY_PUBLIC_KEY": own})]
    assert texts == [f"{ENTRY}['ALIPAY_PUBLIC_KEY']: 应为 RSA 公钥，实际是 RSA 私钥。"]
