"""Does a merchant work? Its settings, with callables called, and a signed question to Alipay."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import ERROR, CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils.translation import gettext

from django_alipay_cancel import diagnosis
from django_alipay_cancel.alipay.traces import without_frames
from django_alipay_cancel.clock import for_people
from django_alipay_cancel.conf import client_for, configured, merchant_entry, settings
from django_alipay_cancel.known_settings import common_problems, merchant_problems, setting_name
from django_alipay_cancel.services.probing import probe
from django_alipay_cancel.services.state import queue_state
from django_alipay_cancel.services.worker import worker_is_late
from django_alipay_cancel.vault_cache import current_value

logger = logging.getLogger(__name__)


def diagnose(merchant: str, *, live: bool) -> list[CheckMessage]:
    """Return what there is to say of a merchant; `live` asks Alipay about a made-up payment.

    Raises ImproperlyConfigured for a merchant that MERCHANTS does not name.
    """
    findings = list(_of_settings(merchant))
    if any(finding.level == ERROR for finding in findings):
        return findings
    try:
        client = client_for(merchant)
    except ImproperlyConfigured as problem:
        return [*findings, Error(str(problem))]
    return [*findings, *probe(client, merchant)] if live else findings


def diagnose_project() -> Iterator[CheckMessage]:
    """Yield what is wrong whatever the merchant: the common settings, and whether a worker runs."""
    for problem in common_problems(configured()):
        yield Error(problem)
    if settings.REFUNDS:
        yield Warning(
            gettext("REFUNDS is on: it is experimental, the wire of refunds was not seen by us."),
            gettext("Ask your sandbox first: confirm_gateway --refundable."),
        )
    try:
        late, state = worker_is_late(), queue_state()
    except DatabaseError as error:
        yield Error(
            gettext("The database cannot be used: %(error)s") % {"error": error},
            gettext("Run `manage.py migrate`."),
        )
        return
    if late:
        yield Error(
            gettext(
                "Cancellations have been waiting for more than ten minutes: no worker is running."
            ),
            gettext("Start process_cancellations."),
        )
    elif state.nobody_works:
        yield Error(
            gettext("Something is due and no worker was seen for three minutes."),
            gettext("Start process_cancellations."),
        )
    if state.unreachable:
        yield Error(
            gettext("The due time of %(number)d cancellations was written by a wrong clock.")
            % {"number": state.unreachable},
            gettext("The worker takes them as due. Let a time service (NTP) set the clocks."),
        )
    for gateway in state.gateways:
        if gateway.not_before is not None:
            yield Warning(
                gettext(
                    "The gateway of the merchant %(merchant)s is put off until %(time)s: "
                    "%(error)s, %(failures)d in a row."
                )
                % {
                    "merchant": gateway.merchant,
                    "time": for_people(gateway.not_before),
                    "error": gateway.last_error,
                    "failures": gateway.failures,
                },
                hint=gettext("The worker probes it, at most a minute apart."),
            )


def _of_settings(merchant: str) -> Iterator[CheckMessage]:
    written = merchant_entry(merchant)
    given: dict[str, Any] = {}
    for name, value in written.items():
        try:
            given[name] = _asked_deep(value)
        except Exception as error:  # the shop's own code: one that fails must not hide the rest
            logger.error("A callable failed.", exc_info=without_frames(error))
            yield Error(
                gettext("%(setting)s: the callable raised %(error)s.")
                % {"setting": setting_name(merchant, name), "error": type(error).__name__},
                gettext("What it raised is in the log."),
            )
    # A callable that failed is still one, and no setting that is missing.
    for problem in merchant_problems(merchant, {**written, **given}):
        yield Error(problem)
    yield from diagnosis.of_keys(merchant, given)
    yield from diagnosis.of_address(merchant, given)


def _asked_deep(value: Any) -> Any:
    value = current_value(value)
    if isinstance(value, Mapping):
        return {name: current_value(each) for name, each in value.items()}
    return value
