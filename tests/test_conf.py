"""ALIPAY_CANCEL: what is found wrong, how it is said, and that it is read live."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from django_alipay_cancel import conf
from django_alipay_cancel.testing import FakeAlipay

MERCHANT = FakeAlipay().merchant_settings() | {"GATEWAY_URL": "https://open-na-global.alipay.com"}
OURS = "django_alipay_cancel."


@pytest.fixture
def use(settings):
    """Set ALIPAY_CANCEL, with one sound merchant unless told otherwise."""

    def set_to(value=None, /, **change):
        sound = {"MERCHANTS": {"default": MERCHANT}}
        settings.ALIPAY_CANCEL = {**sound, **change} if value is None else value

    return set_to


def merchant(**change):
    return {"MERCHANTS": {"default": {**MERCHANT, **change}}}


def without(name):
    return {"MERCHANTS": {"default": {k: v for k, v in MERCHANT.items() if k != name}}}


def found():
    """Return what `manage.py check` says of our settings: (id, message)."""
    return [(each.id.removeprefix(OURS), each.msg) for each in run_checks() if OURS in each.id]


def test_a_sound_setting_passes(use):
    use()
    assert found() == []


@pytest.mark.parametrize(
    ("value", "id", "words"),
    [
        (["no", "dictionary"], "E001", "must be a dictionary"),
        ({"MERCHANTS": {"default": MERCHANT}, "TIME_OUT": 3}, "E002", "'TIME_OUT'] is unknown"),
        ({"MERCHANTS": [MERCHANT]}, "E003", "dictionary of dictionaries"),
        ({"MERCHANTS": {"default": "x"}}, "E003", "dictionary of dictionaries"),
        ({}, "W001", "names no merchant"),
        ({"MERCHANTS": {}}, "W001", "names no merchant"),
        (without("PRIVATE_KEY"), "W002", "['PRIVATE_KEY'] is missing"),
        (merchant(CLIENT_ID=""), "W002", "['CLIENT_ID'] is missing"),
        (merchant(PRIVAT_KEY="x"), "E004", "['PRIVAT_KEY'] is unknown"),
        (merchant(CLIENT_ID="two words"), "E004", "without blanks"),
        (merchant(CLIENT_ID="x" * 65), "E004", "at most 64"),
        (merchant(CLIENT_ID=12345), "E004", "must be text"),
        (merchant(KEY_VERSION="x" * 17), "E004", "at most 16"),
        (merchant(AGENT_TOKEN="schlüssel"), "E004", "printable ASCII"),
        (merchant(MERCHANT_ACCOUNT_ID="x" * 33), "E004", "longer than 32"),
        (merchant(SANDBOX_PATH="yes"), "E004", "must be None, True or False"),
        (merchant(GATEWAY_URL=7), "E004", "is no address"),
        (merchant(GATEWAY_URL="https://[::1"), "E004", "is no address"),
        (merchant(GATEWAY_URL="https://open-na-global.alipay.com:port"), "E004", "is no address"),
        (merchant(GATEWAY_URL="open-na-global.alipay.com"), "E004", "must be an https:// address"),
        (
            merchant(GATEWAY_URL="ftp://open-na-global.alipay.com"),
            "E004",
            "must be an https:// address",
        ),
        (merchant(GATEWAY_URL="https://"), "E004", "must be an https:// address"),
        (
            merchant(GATEWAY_URL="https://a:b@open-na-global.alipay.com"),
            "E004",
            "scheme and host alone",
        ),
        (
            merchant(GATEWAY_URL="https://open-na-global.alipay.com?x=1"),
            "E004",
            "scheme and host alone",
        ),
        (
            merchant(GATEWAY_URL="https://open-na-global.alipay.com/gateway.do"),
            "E004",
            "without a path",
        ),
        (merchant(GATEWAY_URL="http://open-na-global.alipay.com"), "E004", "loopback hosts only"),
        (merchant(PRIVATE_KEY="rubbish!"), "E005", "neither PEM nor base64"),
        (merchant(PRIVATE_KEY=b"bytes"), "E005", "text or a callable"),
        (merchant(PRIVATE_KEY=MERCHANT["ALIPAY_PUBLIC_KEY"]), "E005", "found an RSA public key"),
        (merchant(ALIPAY_PUBLIC_KEY=MERCHANT["PRIVATE_KEY"]), "E005", "an RSA private key"),
        (merchant(ALIPAY_PUBLIC_KEY={"1": "rubbish!"}), "E005", "neither PEM nor base64"),
        ({**merchant(), "REFUND_URL": "shop.no.such"}, "E009", "not the dotted path of a function"),
        ({**merchant(), "REFUND_URL": "math.pi"}, "E009", "not the dotted path of a function"),
        (merchant(GATEWAY_URL="https://gateway.example"), "W003", "none of Alipay's gateways"),
        (merchant(SANDBOX_PATH=False), "W004", "does not fit CLIENT_ID"),
        (merchant(PROXY="http://user:word@proxy:3128"), "W005", "contains a password"),
    ],
)
def test_what_is_wrong_is_said_by_name(use, value, id, words):
    use(value)
    assert [(each, words in message) for each, message in found()] == [(id, True)], found()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TIMEOUT": 13}, "'TIMEOUT'] must be a pair"),
        ({"TIMEOUT": (3,)}, "'TIMEOUT'] must be a pair"),
        ({"TIMEOUT": (0, 10)}, "'TIMEOUT'] must be a pair"),
        ({"TIMEOUT": (True, 10)}, "'TIMEOUT'] must be a pair"),
        ({"RETRY_DELAYS": ()}, "'RETRY_DELAYS'] must be a tuple"),
        ({"RETRY_DELAYS": 5}, "'RETRY_DELAYS'] must be a tuple"),
        ({"RETRY_DELAYS": (5, -1)}, "'RETRY_DELAYS'] must be a tuple"),
        ({"CANCEL_UNRESOLVED_WITHIN": None}, "'CANCEL_UNRESOLVED_WITHIN'] must be a number"),
        ({"BULK_INLINE_SECONDS": "10"}, "'BULK_INLINE_SECONDS'] must be a number"),
        ({"CANCEL_UNRESOLVED_AFTER": "60"}, "'CANCEL_UNRESOLVED_AFTER'] must be None or"),
        ({"RESPONSE_TIME_TOLERANCE": -1}, "'RESPONSE_TIME_TOLERANCE'] must be None or"),
        ({"REFUND_URL": ["x"]}, "'REFUND_URL'] must be None or the dotted path"),
        ({"CUSTOMERS_MAY_CANCEL": 1}, "'CUSTOMERS_MAY_CANCEL'] must be True or False"),
    ],
)
def test_a_value_that_holds_for_all_merchants_is_judged_too(use, change, words):
    use(**change)
    assert [(each, words in message) for each, message in found()] == [("E006", True)], found()


@pytest.mark.parametrize(
    "change",
    [
        {"GATEWAY_URL": "http://127.0.0.1:8321"},
        {"GATEWAY_URL": "http://[::1]:8321"},
        {"GATEWAY_URL": "http://localhost"},
        {"GATEWAY_URL": "https://open-na-global.alipay.com/"},
        {"KEY_VERSION": 2},
        {"ALIPAY_PUBLIC_KEY": {"1": MERCHANT["ALIPAY_PUBLIC_KEY"]}},
        {"SANDBOX_PATH": True},
    ],
)
def test_what_works_is_not_objected_to(use, change):
    use(merchant(**change))
    assert found() == []
    assert conf.client_for("default").credentials.client_id == MERCHANT["CLIENT_ID"]


def test_a_check_never_calls_a_function(use):
    def vault():
        raise AssertionError("A check asked the vault.")

    use(merchant(PRIVATE_KEY=vault, ALIPAY_PUBLIC_KEY=vault))
    assert found() == []


def test_both_fsm_packages_at_once_are_an_error_that_says_how_to_repair_it(tmp_path, monkeypatch):
    for name in ("django_fsm", "django_fsm_2"):
        metadata = tmp_path / f"{name}-9.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 9\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [error] = [each for each in run_checks() if each.id == f"{OURS}E007"]
    assert "overwrite each other's files" in error.msg
    assert "pip uninstall django-fsm" in error.hint


# Used, not checked


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no dictionary", "must be a dictionary"),
        ({"MERCHANTS": "x"}, "no dictionary for the merchant 'default'"),
        ({"MERCHANTS": {}}, "no dictionary for the merchant 'default'"),
        ({**merchant(), "TIMEOUT": 5}, "'TIMEOUT'] must be a pair"),
        (merchant(PRIVATE_KEY=lambda: None), "['PRIVATE_KEY'] is missing"),
        (merchant(PRIVATE_KEY=lambda: 7), "must be text, not int"),
        (merchant(CA_BUNDLE="/does/not/exist.pem"), "['CA_BUNDLE'] cannot be read"),
    ],
)
def test_what_cannot_work_is_refused_by_name_when_it_is_used(use, value, words):
    use(value)
    with pytest.raises(ImproperlyConfigured) as refused:
        conf.client_for("default")
    assert words in str(refused.value)


def test_an_unknown_setting_is_no_attribute():
    with pytest.raises(AttributeError, match="'TIME_OUT'"):
        conf.settings.TIME_OUT  # noqa: B018


def test_a_client_is_kept_while_its_settings_stay_the_same(use):
    use()
    first = conf.client_for("default")
    assert conf.client_for("default") is first
    use(merchant(KEY_VERSION="2"))
    second = conf.client_for("default")
    assert second is not first
    assert second.credentials.key_version == "2"


def test_a_vault_is_asked_once_and_again_when_its_keys_are_forgotten(use):
    asked = []

    def vault():
        asked.append("PRIVATE_KEY")
        return MERCHANT["PRIVATE_KEY"]

    use(merchant(PRIVATE_KEY=vault))
    conf.client_for("default"), conf.client_for("default")
    assert len(asked) == 1
    conf.forget_keys("default")
    conf.client_for("default")
    assert len(asked) == 2


def test_public_keys_by_version_may_come_from_a_vault(use):
    keys = {"1": MERCHANT["ALIPAY_PUBLIC_KEY"], 2: MERCHANT["ALIPAY_PUBLIC_KEY"]}
    use(merchant(ALIPAY_PUBLIC_KEY=lambda: keys))
    versions = [version for version, _ in conf.client_for("default").credentials.alipay_public_keys]
    assert versions == ["1", "2"]
