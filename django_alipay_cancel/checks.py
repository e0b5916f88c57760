"""System checks of ALIPAY_CANCEL: no I/O, and no callable is called.

Missing settings warn, because `migrate` must work in an image without secrets; malformed or
unknown ones are errors. `check_alipay` says more, and calls the callables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext, gettext_lazy

from django_alipay_cancel import conf, diagnosis, problems

_MISSING = gettext_lazy(
    "The settings are listed in the README; nothing can be cancelled without them."
)
_MALFORMED = gettext_lazy(
    "The settings are listed in the README; check_alipay checks one merchant at a time."
)
_MESSAGES = {diagnosis.Level.ERROR: Error, diagnosis.Level.WARNING: Warning}


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the ALIPAY_CANCEL setting."""
    try:
        written = conf.configured()
    except ImproperlyConfigured as error:
        return [Error(gettext(str(error)), hint=str(_MALFORMED), id="django_alipay_cancel.E001")]
    return [*_unknown_names(written), *_merchants(written), *_values()]


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
    for problem in problems.missing_settings(merchant, entry):
        yield Warning(problem, hint=str(_MISSING), id="django_alipay_cancel.W002")
    for problem in problems.malformed_settings(merchant, entry):
        yield Error(problem, hint=str(_MALFORMED), id="django_alipay_cancel.E004")
    for finding in (
        *diagnosis.of_keys(merchant, entry),
        *diagnosis.of_address(merchant, entry),
    ):
        if finding.level in _MESSAGES:
            yield _MESSAGES[finding.level](
                finding.text,
                hint=finding.hint or str(_MALFORMED),
                id=f"django_alipay_cancel.{finding.id}",
            )


def _values() -> Iterator[CheckMessage]:
    for problem in conf.value_problems():
        yield Error(problem, hint=str(_MALFORMED), id="django_alipay_cancel.E006")
    path = conf.settings.REFUND_URL
    if isinstance(path, str) and not _is_function(path):
        yield Error(
            gettext("%(setting)s: %(path)r is not the dotted path of a function.")
            % {"setting": "ALIPAY_CANCEL['REFUND_URL']", "path": path},
            hint=gettext(
                "A function that takes a Payment and returns the address of its refund page."
            ),
            id="django_alipay_cancel.E009",
        )


def _is_function(path: str) -> bool:
    try:
        return callable(import_string(path))
    except ImportError:
        return False
