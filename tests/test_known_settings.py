"""The table of settings: what cannot work is refused in its own words, and None is the default."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import SafeExceptionReporterFilter

from django_alipay_cancel import checks, conf, services
from django_alipay_cancel.alipay.client import Credentials
from django_alipay_cancel.known_settings import COMMON, MERCHANT, values
from django_alipay_cancel.settings_rules import CENTURY
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import public_key_text

ROOT = Path(__file__).parent.parent
ENTRY = FakeAlipay().merchant_settings() | {"GATEWAY_URL": "https://open-na-global.alipay.com"}
KEY = ENTRY["ALIPAY_PUBLIC_KEY"]
NAME = "ALIPAY_CANCEL['MERCHANTS']['default']"
URL = "https://open-na-global.alipay.com"

ALONE = " must be scheme and host alone, without user, query or fragment."
IN_QUOTES = "['CLIENT_ID'] is in quotes; take them off."
BLANKS = " must be without blanks and line ends."


@pytest.fixture
def found(settings):
    """What the checks say of one merchant's settings and of the common ones."""

    def run(common, **changes):
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": ENTRY | changes}, **common}
        return checks.check_settings()

    return run


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("KEY_VERSION", "", "['KEY_VERSION'] is empty; leave it out for version 1."),
        ("KEY_VERSION", 1.5, "['KEY_VERSION'] must be text."),
        ("KEY_VERSION", True, "['KEY_VERSION'] must be text."),
        ("CLIENT_ID", '"5X00000000000000"', IN_QUOTES),
        ("CLIENT_ID", "'5X00000000000000'", IN_QUOTES),
        ("CLIENT_ID", "\u201c5X00000000000000\u201d", IN_QUOTES),
        (
            "CLIENT_ID",
            "sandbox_5X00000000000000",
            "['CLIENT_ID'] begins with sandbox_; a client ID of the sandbox begins with SANDBOX_.",
        ),
        (
            "CLIENT_ID",
            "Sandbox_5X00000000000000",
            "['CLIENT_ID'] begins with Sandbox_; a client ID of the sandbox begins with SANDBOX_.",
        ),
        ("AGENT_TOKEN", 123, "['AGENT_TOKEN'] must be text."),
        ("AGENT_TOKEN", True, "['AGENT_TOKEN'] must be text."),
        ("CA_BUNDLE", 1, "['CA_BUNDLE'] must be None or the path of a file."),
        ("CA_BUNDLE", False, "['CA_BUNDLE'] must be None or the path of a file."),
        ("GATEWAY_URL", f"{URL}?", f"['GATEWAY_URL']{ALONE}"),
        ("GATEWAY_URL", f"{URL}#", f"['GATEWAY_URL']{ALONE}"),
        ("GATEWAY_URL", f"{URL}/?", f"['GATEWAY_URL']{ALONE}"),
        ("GATEWAY_URL", f"{URL}\n", f"['GATEWAY_URL']{BLANKS}"),
        ("GATEWAY_URL", f" {URL}", f"['GATEWAY_URL']{BLANKS}"),
        ("GATEWAY_URL", f"{URL}\t", f"['GATEWAY_URL']{BLANKS}"),
        (
            "ALIPAY_PUBLIC_KEY",
            {"1": KEY, "2": ""},
            "['ALIPAY_PUBLIC_KEY']['2'] is empty; take the key version out until it has a key.",
        ),
        (
            "ALIPAY_PUBLIC_KEY",
            {"1": KEY, 2: None},
            "['ALIPAY_PUBLIC_KEY'][2] is empty; take the key version out until it has a key.",
        ),
        (
            "ALIPAY_PUBLIC_KEY",
            {1: KEY, "1": KEY},
            "['ALIPAY_PUBLIC_KEY'] has the key version 1 twice, as a number and as text.",
        ),
        (
            "ALIPAY_PUBLIC_KEY",
            {"1": KEY, "": KEY},
            "['ALIPAY_PUBLIC_KEY'] has a key without a version.",
        ),
    ],
)
def test_a_merchants_setting_that_cannot_work_is_an_error(found, settings, name, value, sentence):
    (wrong,) = found({}, **{name: value})
    assert (wrong.id, wrong.msg) == ("django_alipay_cancel.E004", f"{NAME}{sentence}")
    with pytest.raises(ImproperlyConfigured) as refused:
        conf.client_for("default")
    assert str(refused.value) == wrong.msg


CENTURIES = f" must be at most a century ({CENTURY} seconds)."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TIMEOUT", (3, math.inf), CENTURIES),
        ("TIMEOUT", (math.nan, 3), " must be a pair (connect, read) of positive seconds."),
        ("TIMEOUT", (True, 3), " must be a pair (connect, read) of positive seconds."),
        ("RETRY_DELAYS", (2, math.inf), CENTURIES),
        ("RETRY_DELAYS", [2, math.nan], " must be a tuple of seconds, at least one."),
        ("RETRY_DELAYS", (10**12,), CENTURIES),
        ("CANCEL_UNRESOLVED_AFTER", math.inf, CENTURIES),
        ("CANCEL_UNRESOLVED_AFTER", CENTURY + 1, CENTURIES),
        ("CANCEL_UNRESOLVED_WITHIN", math.inf, CENTURIES),
        ("CANCEL_UNRESOLVED_WITHIN", 10**400, CENTURIES),
        ("BULK_INLINE_SECONDS", math.inf, CENTURIES),
        ("QUIET_PERIOD", math.inf, CENTURIES),
        ("QUIET_PERIOD", "60", " must be a number of seconds."),
        ("QUIET_PERIOD", -1, " must be a number of seconds."),
        ("RESPONSE_TIME_TOLERANCE", math.inf, CENTURIES),
    ],
)
def test_a_common_setting_that_cannot_work_is_an_error(found, name, value, sentence):
    (wrong,) = found({name: value})
    full = f"ALIPAY_CANCEL[{name!r}]{sentence}"
    assert (wrong.id, wrong.msg) == ("django_alipay_cancel.E006", full)
    with pytest.raises(ImproperlyConfigured) as refused:
        conf.client_for("default")
    assert str(refused.value) == full


@pytest.mark.parametrize(
    ("common", "changes"),
    [
        ({"CANCEL_UNRESOLVED_WITHIN": CENTURY, "QUIET_PERIOD": 0}, {}),
        ({}, {"KEY_VERSION": 2}),
        ({}, {"CLIENT_ID": "SANDBOX_5X"}),
        ({}, {"CA_BUNDLE": Path("/etc/ssl/certs/ca.pem")}),
        ({}, {"AGENT_TOKEN": "", "MERCHANT_ACCOUNT_ID": "", "PROXY": "", "CA_BUNDLE": ""}),
        ({}, {"ALIPAY_PUBLIC_KEY": {"1": KEY, 2: KEY}}),
    ],
)
def test_what_can_work_is_no_error(found, common, changes):
    assert found(common, **changes) == []


def test_none_is_the_default_everywhere(found, settings):
    optional = [setting.name for setting in MERCHANT if not setting.required]
    common = [setting.name for setting in COMMON if setting.name != "MERCHANTS"]
    assert found(dict.fromkeys(common), **dict.fromkeys(optional)) == []
    assert {name: getattr(conf.settings, name) for name in common} == {
        name: conf.DEFAULTS[name] for name in common
    }
    credentials = conf.client_for("default").credentials
    assert (credentials.key_version, credentials.timeout) == ("1", (3.0, 10.0))
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": ENTRY | {"KEY_VERSION": lambda: None}}}
    assert conf.client_for("default").credentials.key_version == "1"
    settings.ALIPAY_CANCEL = {"MERCHANTS": None}
    assert conf.settings.MERCHANTS == {}
    assert [message.id for message in checks.check_settings()] == ["django_alipay_cancel.W001"]


def test_ones_own_key_among_several_is_named_by_its_version(found):
    own = FakeAlipay().keys.merchant.public_key()
    (wrong,) = found({}, ALIPAY_PUBLIC_KEY={"1": KEY, "2": public_key_text(own)})
    assert (wrong.id, wrong.msg) == (
        "django_alipay_cancel.E008",
        f"{NAME}['ALIPAY_PUBLIC_KEY']['2'] is your own public key.",
    )


def test_each_name_is_known_once_and_has_a_default_or_is_required():
    for table in (COMMON, MERCHANT):
        names = [setting.name for setting in table]
        assert len(names) == len(set(names))
        assert [s.name for s in table if s.required and s.default is not None] == []
    assert values(MERCHANT, {})["KEY_VERSION"] == "1"


def test_what_is_secret_is_in_no_repr_and_hidden_by_djangos_debug_page():
    hidden = {field.name for field in dataclasses.fields(Credentials) if not field.repr}
    for setting in MERCHANT:
        if setting.secret:
            assert setting.name.lower() in hidden
            assert SafeExceptionReporterFilter.hidden_settings.search(setting.name)


@pytest.mark.django_db
def test_a_payment_of_a_merchant_that_is_not_configured_is_recorded_with_a_warning(found, caplog):
    found({})
    services.record_payment(payment_request_id="order-1", merchant="default")
    assert caplog.text == ""
    services.record_payment(payment_request_id="order-1", merchant="asia")
    services.record_payment(payment_request_id="order-1", merchant="asia", reference="1")
    assert [record.getMessage() for record in caplog.records] == [
        "A payment was recorded for the merchant 'asia', which ALIPAY_CANCEL['MERCHANTS'] does not "
        "name."
    ]


def test_the_page_of_settings_is_made_from_the_table():
    script = ROOT / "docs" / "write_settings.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script, "--check"], cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, "run python docs/write_settings.py"
