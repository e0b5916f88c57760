"""ALIPAY_CANCEL as it is used: read live, refused by name, vaults asked once."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_alipay_cancel import conf
from django_alipay_cancel.testing import FakeAlipay

MERCHANT = FakeAlipay().merchant_settings() | {"GATEWAY_URL": "https://open-na-global.alipay.com"}


@pytest.fixture
def use(settings):
    """Set ALIPAY_CANCEL, with one sound merchant unless told otherwise."""

    def set_to(value=None, /, **change):
        sound = {"MERCHANTS": {"default": MERCHANT}}
        settings.ALIPAY_CANCEL = {**sound, **change} if value is None else value

    return set_to


def merchant(**change):
    return {"MERCHANTS": {"default": {**MERCHANT, **change}}}


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


@pytest.mark.parametrize(
    "change",
    [
        {"GATEWAY_URL": "http://[::1]:8321"},
        {"GATEWAY_URL": "http://localhost"},
        {"GATEWAY_URL": "https://open-na-global.alipay.com/"},
        {"KEY_VERSION": 2},
        {"ALIPAY_PUBLIC_KEY": {"1": MERCHANT["ALIPAY_PUBLIC_KEY"]}},
    ],
)
def test_what_can_work_is_taken(use, change):
    use(merchant(**change))
    assert conf.client_for("default").credentials.client_id == MERCHANT["CLIENT_ID"]


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


def test_each_key_of_a_dictionary_may_come_from_a_vault_and_be_forgotten(use):
    asked = []

    def vault():
        asked.append("1")
        return MERCHANT["ALIPAY_PUBLIC_KEY"]

    use(merchant(ALIPAY_PUBLIC_KEY={"1": vault, "2": MERCHANT["ALIPAY_PUBLIC_KEY"]}))
    conf.client_for("default")
    conf.forget_keys("default")
    conf.client_for("default")
    assert len(asked) == 2


def test_public_keys_by_version_may_come_from_a_vault(use):
    keys = {"1": MERCHANT["ALIPAY_PUBLIC_KEY"], 2: MERCHANT["ALIPAY_PUBLIC_KEY"]}
    use(merchant(ALIPAY_PUBLIC_KEY=lambda: keys))
    versions = [version for version, _ in conf.client_for("default").credentials.alipay_public_keys]
    assert versions == ["1", "2"]
