"""System checks of ALIPAY_CANCEL: no I/O, and no callable is called.

Missing settings warn, because `migrate` must work in an image without secrets; malformed or
unknown ones are errors. `check_alipay` says more, and calls the callables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.conf import settings
from django.core.checks import WARNING, CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext, gettext_lazy

from django_alipay_cancel import conf, diagnosis, known_settings

_MISSING = gettext_lazy(
    "The settings are listed in the README; nothing can be cancelled without them."
)
_MALFORMED = gettext_lazy(
    "The settings are listed in the README; check_alipay checks one merchant at a time."
)


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the ALIPAY_CANCEL setting."""
    try:
        written = conf.configured()
    except ImproperlyConfigured as error:
        return [Error(gettext(str(error)), hint=str(_MALFORMED), id="django_alipay_cancel.E001")]
    return [*_unknown_names(written), *_merchants(written), *_values(written)]


@register()
def check_throttle_rate(**kwargs: Any) -> list[CheckMessage]:
    """Find a rate that DRF cannot read before each POST does."""
    # Here, since the import reads REST_FRAMEWORK, which may be what is wrong.
    from django_alipay_cancel.api.throttling import CancelThrottle

    try:
        CancelThrottle()
    except ImproperlyConfigured:
        return [
            Error(
                gettext("%(setting)s must be a rate such as '120/min'.")
                % {"setting": "REST_FRAMEWORK['DEFAULT_THROTTLE_RATES']['alipay_cancel']"},
                hint=gettext("Until then every POST to the REST routes is answered with 503."),
                id="django_alipay_cancel.E020",
            )
        ]
    return []


@register(deploy=True)
def check_buyers_are_throttled(**kwargs: Any) -> list[CheckMessage]:
    """Warn where buyers may cancel, each of which is a signed call, as often as they like."""
    if conf.settings.CUSTOMERS_MAY_CANCEL is not True or _throttle_rate():
        return []
    return [
        Warning(
            gettext("Buyers may cancel over REST, and nothing limits how often they ask."),
            hint=gettext(
                "Set REST_FRAMEWORK['DEFAULT_THROTTLE_RATES']['alipay_cancel'], for instance to"
                " '10/min'."
            ),
            id="django_alipay_cancel.W020",
        )
    ]


def _throttle_rate() -> Any:
    rest: Any = getattr(settings, "REST_FRAMEWORK", None) or {}
    rates = rest.get("DEFAULT_THROTTLE_RATES") or {}
    return rates.get("alipay_cancel") if isinstance(rates, Mapping) else rates


@register()
def check_fsm_package(**kwargs: Any) -> list[CheckMessage]:
    """Refuse django-fsm beside django-fsm-2: the files of one overwrite those of the other."""
    if not (_installed("django-fsm") and _installed("django-fsm-2")):
        return []
    return [
        Error(
            gettext(
                "django-fsm and django-fsm-2 are both installed and overwrite each other's files."
            ),
            hint=gettext(
                "Run `pip uninstall django-fsm` and then"
                " `pip install --force-reinstall --no-deps django-fsm-2`."
            ),
            id="django_alipay_cancel.E007",
        )
    ]


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _unknown_names(written: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for name in written:
        if name not in conf.DEFAULTS:
            yield Error(
                gettext("%(setting)s is unknown.") % {"setting": f"ALIPAY_CANCEL[{name!r}]"},
                hint=gettext("Known settings: %(names)s.") % {"names": ", ".join(conf.DEFAULTS)},
                id="django_alipay_cancel.E002",
            )


def _merchants(written: Mapping[str, Any]) -> Iterator[CheckMessage]:
    merchants = written.get("MERCHANTS") or {}
    if not isinstance(merchants, Mapping) or not all(
        isinstance(entry, Mapping) for entry in merchants.values()
    ):
        yield Error(
            gettext("ALIPAY_CANCEL['MERCHANTS'] must be a dictionary of dictionaries."),
            hint=str(_MALFORMED),
            id="django_alipay_cancel.E003",
        )
        return
    if not merchants:
        yield Warning(
            gettext("ALIPAY_CANCEL['MERCHANTS'] names no merchant."),
            hint=str(_MISSING),
            id="django_alipay_cancel.W001",
        )
    for merchant, entry in merchants.items():
        yield from _merchant(merchant, entry)


def _merchant(merchant: str, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for problem in known_settings.missing_settings(merchant, entry):
        yield Warning(problem, hint=str(_MISSING), id="django_alipay_cancel.W002")
    for problem in known_settings.malformed_settings(merchant, entry):
        yield Error(problem, hint=str(_MALFORMED), id="django_alipay_cancel.E004")
    for message in (
        *diagnosis.of_keys(merchant, entry),
        *diagnosis.of_address(merchant, entry),
    ):
        if message.level >= WARNING:
            message.hint = message.hint or str(_MALFORMED)
            yield message


def _values(written: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for problem in known_settings.common_problems(written):
        yield Error(problem, hint=str(_MALFORMED), id="django_alipay_cancel.E006")
    for setting in known_settings.COMMON:
        path = written.get(setting.name)
        if setting.function and isinstance(path, str) and not _is_function(path):
            yield Error(
                gettext("%(setting)s: %(path)r is not the dotted path of a function.")
                % {"setting": f"ALIPAY_CANCEL[{setting.name!r}]", "path": path},
                hint=str(_MALFORMED),
                id="django_alipay_cancel.E009",
            )


def _is_function(path: str) -> bool:
    try:
        return callable(import_string(path))
    except ImportError:
        return False
