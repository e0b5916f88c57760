"""All settings, each in one place: name, rule, default, and what it means.

To add one, add it here: `conf` reads it, `check` judges it, docs/reference/settings.md lists it
(`python docs/write_settings.py`). None stands for the default everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext

from django_alipay_cancel import settings_rules
from django_alipay_cancel.settings_rules import SettingRule


@dataclass(frozen=True)
class Setting:
    """One key; `means` is a sentence of the documentation.

    What is `secret` stands in no message, log or page. A `function` is a dotted path that the
    system checks import.
    """

    name: str
    rule: SettingRule
    means: str
    default: Any = None
    required: bool = False
    secret: bool = False
    function: bool = False


COMMON: Final = (
    Setting(
        "MERCHANTS",
        settings_rules.anything,
        "the merchants, by alias, as in `DATABASES`; `Payment.merchant` names one. See below",
        default={},
    ),
    Setting(
        "TIMEOUT",
        settings_rules.pair_of_seconds,
        "seconds to connect and to read. Their sum bounds one whole call, an answer that drips "
        "included. Looking up the host's name is not bounded",
        default=(3, 10),
    ),
    Setting(
        "RETRY_DELAYS",
        settings_rules.some_seconds,
        "seconds before each repeat of a cancellation without a result; each wait is shortened at "
        "random by up to a half. When all are used up the cancellation is `NEEDS_REVIEW`",
        default=(2, 5, 15, 30, 60, 300, 900, 3600, 3600, 7200, 14400),
    ),
    Setting(
        "CANCEL_UNRESOLVED_AFTER",
        settings_rules.seconds_or_none,
        "seconds without a payment result before the worker asks Alipay about the payment, and "
        "cancels it when Alipay has just shown it as unpaid; `None`: never. In-store guides of "
        "Alipay ask for 5 to 25 seconds; an online checkout needs as long as the buyer may take",
    ),
    Setting(
        "CANCEL_UNRESOLVED_WITHIN",
        settings_rules.seconds,
        "seconds; a payment older than this is never cancelled by the app itself",
        default=86400,
    ),
    Setting(
        "BULK_INLINE_SECONDS",
        settings_rules.seconds,
        "seconds for which a selection in the admin is carried out in the request; the rest is "
        "left to the worker",
        default=10,
    ),
    Setting(
        "CUSTOMERS_MAY_CANCEL",
        settings_rules.truth,
        "whether `Payment.customer` may cancel its own payment over REST",
        default=False,
    ),
    Setting(
        "REFUND_URL",
        settings_rules.path_of_function,
        "the dotted path of a function that takes a Payment and returns the address of your own "
        "page for refunding it; the admin links there where a refund is the way now. `None`: no "
        "link",
        function=True,
    ),
    Setting(
        "REFUNDS",
        settings_rules.truth,
        "whether a wish may say *or refund*: a payment that can no longer be cancelled is then "
        "refunded in full; see [cancel or refund](../explanation/cancel-or-refund.md)",
        default=False,
    ),
    Setting(
        "REFUND_NOTIFY_URL",
        settings_rules.notify_url,
        "the address that Alipay tells how a refund ended, at most 1024 characters; `None`: the "
        "one in Alipay's console. Nothing depends on it: the worker asks",
    ),
    Setting(
        "MAY_CANCEL",
        settings_rules.path_of_function,
        "the dotted path of a function that takes a user and a Payment and returns `True`, or the "
        "sentence why this user may not have it cancelled; see [a veto for your own rules]"
        "(../how-to/permissions.md#a-veto-for-your-own-rules)",
        function=True,
    ),
    Setting(
        "QUIET_PERIOD",
        settings_rules.seconds,
        "seconds in which a cancel without an answer may still take effect; so long no refusal is "
        "believed. Lower it only in tests",
        default=60,
    ),
    Setting(
        "RESPONSE_TIME_TOLERANCE",
        settings_rules.seconds_or_none,
        "seconds by which the time in an answer may differ from the server's clock; an answer "
        "further off is not believed (`stale_response`). `None`: the time is not judged, as Alipay "
        "documents no limit",
    ),
)
"""What holds for all merchants."""

MERCHANT: Final = (
    Setting(
        "CLIENT_ID",
        settings_rules.client_id,
        "as Alipay issued it; at most 64 printable characters",
        required=True,
    ),
    Setting(
        "PRIVATE_KEY",
        settings_rules.anything,
        "yours, RSA with at least 2048 bits, PKCS#8 or PKCS#1, as PEM or as bare base64; a literal "
        "`\\n` stands for a line end. Quotes around it and invisible characters (a zero-width "
        "space) are passed over; whatever else is no key is named, by its code point and position, "
        "and never repeated",
        required=True,
        secret=True,
    ),
    Setting(
        "ALIPAY_PUBLIC_KEY",
        settings_rules.keys_by_version,
        "Alipay's, as its console shows it, as PEM or as bare base64; or "
        '`{"1": "...", "2": "..."}` by key version',
        required=True,
    ),
    Setting(
        "GATEWAY_URL",
        settings_rules.gateway_url,
        "scheme and host alone, such as `https://open-na-global.alipay.com`; `http://` for "
        "loopback hosts only",
        required=True,
    ),
    Setting(
        "KEY_VERSION",
        settings_rules.key_version,
        "the version of your key, sent with each signature",
        default="1",
    ),
    Setting(
        "SANDBOX_PATH",
        settings_rules.truth_or_none,
        "`None`: the sandbox path for a `CLIENT_ID` that begins with `SANDBOX_`, as Alipay's own "
        "SDKs do; `True` or `False` force it",
    ),
    Setting(
        "AGENT_TOKEN",
        settings_rules.header_text(128),
        "sent as `Agent-Token` when set, for those who act for a merchant",
        secret=True,
    ),
    Setting(
        "MERCHANT_ACCOUNT_ID",
        settings_rules.at_most_32,
        "sent as `merchantAccountId` when set, for one client id with several locations; at most "
        "32 characters",
    ),
    Setting(
        "PROXY",
        settings_rules.proxy,
        "an `http://` address with host and port, without user and password. The proxies, CA files "
        "and `.netrc` of the environment are ignored, so that this is the only way out",
    ),
    Setting("PROXY_USER", settings_rules.proxy_user, "the user for the proxy, without a colon"),
    Setting(
        "PROXY_PASSWORD",
        settings_rules.printable,
        "the password for the proxy; sent in UTF-8, as Basic authentication",
        secret=True,
    ),
    Setting(
        "CA_BUNDLE",
        settings_rules.path_of_file,
        "a PEM file with the trust roots to use instead of the usual ones. Verification itself "
        "cannot be switched off",
    ),
)
"""What one merchant has."""

_BY_NAME = {setting.name: setting for setting in MERCHANT}


def setting_name(merchant: str, *names: str) -> str:
    """Return how messages name one setting of one merchant, or a part of it."""
    keys = "".join(f"[{name!r}]" for name in names)
    return f"ALIPAY_CANCEL['MERCHANTS'][{merchant!r}]{keys}"


def values(settings: Iterable[Setting], written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each setting: what is written, or the default of what is None."""
    given = {name: value for name, value in written.items() if value is not None}
    return {setting.name: given.get(setting.name, setting.default) for setting in settings}


def common_problems(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the settings that hold for all merchants."""
    for setting in COMMON:
        value = written.get(setting.name)
        if value is not None:
            yield from setting.rule(f"ALIPAY_CANCEL[{setting.name!r}]", value)


def missing_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the required settings this merchant does not have."""
    for setting in MERCHANT:
        if setting.required and not entry.get(setting.name):
            yield gettext("%(setting)s is missing.") % {
                "setting": setting_name(merchant, setting.name)
            }


def malformed_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cannot work in this merchant's settings; what a callable says is not judged."""
    for name, value in entry.items():
        shown = setting_name(merchant, name)
        setting = _BY_NAME.get(name)
        if setting is None:
            yield gettext("%(setting)s is unknown.") % {"setting": shown}
        elif value is not None and not callable(value) and not _left_out(setting, value):
            yield from setting.rule(shown, value)


def merchant_problems(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that stands between this merchant and a call, keys themselves excepted."""
    yield from missing_settings(merchant, entry)
    yield from malformed_settings(merchant, entry)


def _left_out(setting: Setting, value: Any) -> bool:
    # An environment variable that is not set; a default other than None would be replaced by it.
    return value == "" and setting.default is None
