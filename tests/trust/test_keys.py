"""Keys: how they are kept and asked for, and how they are replaced without a restart."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_alipay_cancel import conf, services, vault_cache
from django_alipay_cancel.models import CancellationAttempt
from django_alipay_cancel.testing import Fault
from django_alipay_cancel.testing.keys import new_key, private_key_text, public_key_text
from tests.trust.test_notifications import PATH, is_acknowledged, is_refused, message, post

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Vault:
    """Where a shop keeps what nobody may read; each setting is a callable that asks it."""

    def __init__(self, entry):
        self.holds = dict(entry)
        self.asked = []
        self.is_away = False

    def asks_for(self, name):
        def ask():
            self.asked.append(name)
            if self.is_away:
                raise ConnectionError("the vault is away")
            return self.holds[name]

        return ask


@pytest.fixture
def vault(gateway, settings):
    """A vault that has this merchant's keys; the settings hold callables."""
    vault = Vault({**gateway.merchant_settings(), "KEY_VERSION": "1"})
    secret = ("PRIVATE_KEY", "ALIPAY_PUBLIC_KEY", "KEY_VERSION")
    entry = gateway.merchant_settings() | {name: vault.asks_for(name) for name in secret}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}, "TIMEOUT": (2, 5)}
    return vault


@pytest.fixture
def time_flies(monkeypatch):
    """Let so many seconds pass on the clock that the answers of callables age by."""
    ahead = [0.0]
    monotonic = vault_cache.time.monotonic

    class Time:
        @staticmethod
        def monotonic():
            return monotonic() + ahead[0]

    monkeypatch.setattr(vault_cache, "time", Time)
    return lambda seconds: ahead.__setitem__(0, ahead[0] + seconds)


def codes():
    return list(CancellationAttempt.objects.order_by("sent_at").values_list("result_code", "error"))


def key_pair():
    key = new_key()
    return private_key_text(key), public_key_text(key.public_key())


# --- rotation -------------------------------------------------------------------------------------


def test_a_new_key_version_takes_over_without_a_restart_or_a_failed_call(settings, gateway, pay):
    """The steps of docs/rotate-keys.md, with keys in the settings."""
    first, second, third = pay("a"), pay("b"), pay("c")
    assert services.cancel_payment(first).status == "SUCCEEDED"
    private, public = key_pair()
    gateway.upload_key("2", public)
    entry = gateway.merchant_settings() | {"PRIVATE_KEY": private, "KEY_VERSION": "2"}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    assert services.cancel_payment(second).status == "SUCCEEDED"
    gateway.remove_key("1")
    assert services.cancel_payment(third).status == "SUCCEEDED"
    versions = [call.headers["signature"].split(",")[1] for call in gateway.calls]
    assert versions == ["keyVersion=1", "keyVersion=2", "keyVersion=2"]
    assert all(call.answered == "SUCCESS" for call in gateway.calls)


def test_a_rotated_key_of_a_vault_reaches_a_running_process_in_time(
    gateway, pay, vault, time_flies
):
    """The same, with callables: who waits five minutes before the old key goes loses nothing."""
    assert services.cancel_payment(pay("a")).status == "SUCCEEDED"
    vault.holds["PRIVATE_KEY"], public = key_pair()
    vault.holds["KEY_VERSION"] = 2
    gateway.upload_key("2", public)
    assert services.cancel_payment(pay("b")).status == "SUCCEEDED"
    assert gateway.calls[-1].headers["signature"].split(",")[1] == "keyVersion=1"
    time_flies(vault_cache.MAXIMUM_AGE)
    gateway.remove_key("1")
    assert services.cancel_payment(pay("c")).status == "SUCCEEDED"
    assert gateway.calls[-1].headers["signature"].split(",")[1] == "keyVersion=2"


def test_two_keys_of_alipay_stand_side_by_side_while_it_changes_its_own(settings, gateway, pay):
    first, second = pay("a"), pay("b")
    old = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    assert services.cancel_payment(first).status == "SUCCEEDED"
    signed_before = message(gateway, "payment-b")
    new = gateway.change_own_key("2")
    entry = gateway.merchant_settings() | {"ALIPAY_PUBLIC_KEY": {"1": old, "2": new}}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    assert services.cancel_payment(second).status == "SUCCEEDED"
    # What was signed with the old key and comes late is believed too.
    assert is_acknowledged(post(*signed_before))


def test_an_old_key_that_was_taken_out_is_not_believed_any_more(settings, gateway, pay):
    payment = pay()
    entry = gateway.merchant_settings()
    entry["ALIPAY_PUBLIC_KEY"] = {"2": key_pair()[1]}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    assert services.cancel_payment(payment).status == "PENDING"
    assert codes() == [("SUCCESS", "bad_signature")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda gateway, public: gateway.remove_key("1"), "KEY_NOT_FOUND"),
        (lambda gateway, public: gateway.upload_key("1", public), "INVALID_SIGNATURE"),
    ],
)
@pytest.mark.parametrize("call", ["cancel", "inquiry of a cancellation", "inquiry of a payment"])
def test_a_callable_is_asked_again_after_its_key_was_refused(
    gateway, pay, vault, fall_due, change, code, call
):
    payment = pay()
    if call == "inquiry of a cancellation":
        gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
        services.cancel_payment(payment)
    conf.client_for("default")
    asked = len(vault.asked)
    private, public = key_pair()
    change(gateway, public)
    if call == "cancel":
        assert services.cancel_payment(payment).status == "NEEDS_REVIEW"
        assert codes() == [(code, "unsigned")]
    else:
        services.refresh_payment(payment)
    assert gateway.calls[-1].answered == code
    assert len(vault.asked) == asked, "only at the next use"
    vault.holds["PRIVATE_KEY"] = private
    gateway.upload_key("1", public)
    services.refresh_payment(payment)
    assert gateway.calls[-1].answered == "SUCCESS"
    assert sorted(vault.asked[asked:]) == ["ALIPAY_PUBLIC_KEY", "KEY_VERSION", "PRIVATE_KEY"]


def test_a_callable_is_asked_again_after_an_answer_that_another_key_signed(gateway, pay, vault):
    payment = pay()
    services.refresh_payment(payment)
    vault.holds["ALIPAY_PUBLIC_KEY"] = gateway.change_own_key("2")
    services.refresh_payment(payment)
    assert vault.asked.count("ALIPAY_PUBLIC_KEY") == 1
    checked_at = payment.checked_at
    services.refresh_payment(payment)
    assert vault.asked.count("ALIPAY_PUBLIC_KEY") == 2
    assert payment.checked_at > checked_at


def test_forged_notifications_do_not_flood_the_vault(gateway, pay, vault, time_flies):
    payment = pay()
    headers, body = message(gateway, payment.payment_id)
    forged = headers | {"signature": "algorithm=RSA256,signature=AAAA"}
    for _ in range(50):
        assert is_refused(post(forged, body))
    assert vault.asked.count("ALIPAY_PUBLIC_KEY") == 1
    vault.holds["ALIPAY_PUBLIC_KEY"] = gateway.change_own_key("2")
    genuine = message(gateway, payment.payment_id)
    time_flies(60)
    assert is_refused(post(*genuine))
    assert is_acknowledged(post(*genuine)), "as Alipay sends it again"


# --- a vault with moods ---------------------------------------------------------------------------


def test_a_vault_that_is_away_is_told_once_and_its_earlier_answers_go_on(
    gateway, pay, vault, time_flies, caplog
):
    services.request_cancellations([pay(f"order-{n}") for n in range(6)])
    vault.is_away = True
    time_flies(vault_cache.MAXIMUM_AGE)
    asked = len(vault.asked)
    report = services.process_due_cancellations()
    # Each of the three functions is asked once, and what it raises belongs to one row.
    assert (report.succeeded, report.errors, len(vault.asked)) == (3, 3, asked + 3)
    assert "ConnectionError" in caplog.text


def test_a_vault_that_never_answered_raises_before_any_row(gateway, pay, vault):
    vault.is_away = True
    with pytest.raises(ConnectionError, match="the vault is away"):
        services.cancel_payment(pay())
    assert not CancellationAttempt.objects.exists()
    vault.is_away = False
    assert services.cancel_payment(pay("b")).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "answer", "problem"),
    [
        ("PRIVATE_KEY", None, "is missing"),
        ("PRIVATE_KEY", b"bytes", "must be text, not bytes"),
        ("PRIVATE_KEY", "nonsense", "Expected a key"),
        ("ALIPAY_PUBLIC_KEY", "", "is missing"),
        ("ALIPAY_PUBLIC_KEY", {"1": 5}, "must be text, not int"),
        ("KEY_VERSION", "1\r\nX: 1", "must be printable ASCII"),
    ],
)
def test_what_a_callable_says_is_checked_like_what_is_written(vault, name, answer, problem):
    vault.holds[name] = answer
    with pytest.raises(ImproperlyConfigured, match=problem) as caught:
        conf.client_for("default")
    assert f"['{name}']" in str(caught.value)


def test_any_setting_of_a_merchant_may_be_a_callable(settings, gateway, pay):
    entry = gateway.merchant_settings()
    public = entry["ALIPAY_PUBLIC_KEY"]
    given = {name: (lambda value=value: value) for name, value in entry.items()}
    given["ALIPAY_PUBLIC_KEY"] = {"1": lambda: public}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": given}}
    assert services.cancel_payment(pay()).status == "SUCCEEDED"


def test_keys_are_those_of_the_payments_own_merchant(settings, gateway, pay):
    entry = gateway.merchant_settings()
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "eu": entry | {"PRIVATE_KEY": "x"}}}
    assert services.cancel_payment(pay("a")).status == "SUCCEEDED"
    with pytest.raises(ImproperlyConfigured, match=r"\['eu'\]\['PRIVATE_KEY'\]"):
        services.cancel_payment(pay("b", merchant="eu"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESPONSE_TIME_TOLERANCE", "300"),
        ("RETRY_DELAYS", []),
        ("TIMEOUT", 5),
    ],
)
def test_settings_that_would_fail_after_the_call_are_refused_before_it(
    settings, gateway, pay, name, value
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, name: value}
    with pytest.raises(ImproperlyConfigured, match=name):
        services.cancel_payment(pay())
    assert not gateway.calls


def test_a_notification_is_verified_with_the_keys_of_a_vault(gateway, pay, vault):
    headers, body = message(gateway, pay().payment_id)
    notification = services.verify_notification(headers=headers, body=body, path=PATH)
    assert notification.result_status == "S"
