"""Does a merchant work? Its settings, with callables called, and a signed question to Alipay."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel import diagnosis
from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import KEY_CODES, ResultStatus
from django_alipay_cancel.alipay.traces import without_frames
from django_alipay_cancel.callables import answer as asked
from django_alipay_cancel.conf import client_for, merchant_entry, value_problems
from django_alipay_cancel.diagnosis import Finding, Level
from django_alipay_cancel.problems import merchant_problems, setting_name
from django_alipay_cancel.services.worker import worker_is_late
from django_alipay_cancel.wording import error_sentence, result_sentence

logger = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(seconds=60)
# With these the gateway may be right and the path wrong.
_PATH_ERRORS = ("unsigned", "http_status", "invalid_body", "bad_signature")


def diagnose(merchant: str, *, live: bool) -> list[Finding]:
    """Return what there is to say of a merchant; `live` asks Alipay about a made-up payment.

    Raises ImproperlyConfigured for a merchant that MERCHANTS does not name.
    """
    findings = list(_of_settings(merchant))
    if any(finding.level is Level.ERROR for finding in findings):
        return findings
    try:
        client = client_for(merchant)
    except ImproperlyConfigured as problem:
        return [*findings, _error(str(problem))]
    return [*findings, *_of_calls(client, merchant)] if live else findings


def diagnose_project() -> Iterator[Finding]:
    """Yield what is wrong whatever the merchant: the common settings, and whether a worker runs."""
    for problem in value_problems():
        yield _error(problem)
    try:
        late = worker_is_late()
    except DatabaseError as error:
        yield _error(
            gettext("The database cannot be used: %(error)s") % {"error": error},
            gettext("Run `manage.py migrate`."),
        )
        return
    if late:
        yield _error(
            gettext(
                "Cancellations have been waiting for more than ten minutes: no worker is running."
            ),
            gettext("Start process_cancellations."),
        )


def _of_settings(merchant: str) -> Iterator[Finding]:
    written = merchant_entry(merchant)
    given: dict[str, Any] = {}
    for name, value in written.items():
        try:
            given[name] = _asked_deep(value)
        except Exception as error:  # the shop's own code: one that fails must not hide the rest
            logger.error("A callable failed.", exc_info=without_frames(error))
            yield _error(
                gettext("%(setting)s: the callable raised %(error)s.")
                % {"setting": setting_name(merchant, name), "error": type(error).__name__},
                gettext("What it raised is in the log."),
            )
    # A callable that failed is still one, and no setting that is missing.
    for problem in merchant_problems(merchant, {**written, **given}):
        yield _error(problem)
    yield from diagnosis.of_keys(merchant, given)
    yield from diagnosis.of_address(merchant, given)


def _asked_deep(value: Any) -> Any:
    value = asked(value)
    if isinstance(value, Mapping):
        return {name: asked(each) for name, each in value.items()}
    return value


def _of_calls(client: AlipayClient, merchant: str) -> Iterator[Finding]:
    answer = _inquire(client)
    sandbox = client.uses_sandbox_path
    if not answer.verified and answer.error in _PATH_ERRORS:
        other = AlipayClient(
            replace(client.credentials, sandbox_path=not sandbox), session=client.session
        )
        if _inquire(other).verified:
            yield _error(
                gettext("Alipay knows this merchant on the production path only.")
                if sandbox
                else gettext("Alipay knows this merchant on the sandbox path only."),
                gettext("Set %(setting)s to %(value)s.")
                % {"setting": setting_name(merchant, "SANDBOX_PATH"), "value": not sandbox},
            )
            return
    yield _of_answer(answer, client)
    yield from _of_clock(answer)


def _inquire(client: AlipayClient) -> Answer:
    made_up = f"check-alipay-{uuid4().hex}"
    return client.inquire(client.request_body(payment_request_id=made_up, payment_id=None))


def _of_answer(answer: Answer, client: AlipayClient) -> Finding:
    if answer.error:
        return _of_error(answer, client)
    if answer.result_code == "ORDER_NOT_EXIST":
        return Finding(
            level=Level.OK,
            text=gettext("Alipay answered with its signature: keys, path and client ID work."),
        )
    text = gettext("Alipay answered %(code)s: %(sentence)s") % {
        "code": answer.result_code,
        "sentence": result_sentence(answer.result_code),
    }
    if answer.result_status == ResultStatus.F:
        return _error(text, gettext("Keys, path and client ID work. Ask Alipay about the code."))
    hint = gettext("Keys, path and client ID work. Try again.")
    return Finding(level=Level.WARNING, text=text, hint=hint)


def _of_error(answer: Answer, client: AlipayClient) -> Finding:
    code = answer.result_code if answer.error == "unsigned" else ""
    if code in KEY_CODES:
        hint = gettext(
            "The public half of PRIVATE_KEY must be uploaded to Alipay as key version %(version)s. "
            "Compare the SHA-256 above with the uploaded key's, and check KEY_VERSION."
        ) % {"version": client.credentials.key_version}
    else:
        hint = result_sentence(code) if code else error_sentence(answer.error)
    where = urlsplit(client.credentials.gateway_url).netloc
    if client.credentials.proxy:
        proxy = urlsplit(client.credentials.proxy)
        where = gettext("%(gateway)s through the proxy %(proxy)s") % {
            "gateway": where,
            "proxy": f"{proxy.hostname}:{proxy.port}",
        }
    told = ", ".join(
        part
        for part in (
            f"HTTP {answer.http_status}" if answer.error == "http_status" else "",
            code,
            answer.detail,
        )
        if part
    )
    return _error(f"{where}: {answer.error}{f' ({told})' if told else ''}.", hint)


def _of_clock(answer: Answer) -> Iterator[Finding]:
    if answer.answered_at is None:
        return
    ahead = timezone.now().timestamp() - answer.answered_at.timestamp()
    if abs(ahead) > _CLOCKS_DIFFER.total_seconds():
        yield Finding(
            level=Level.ERROR if answer.error else Level.WARNING,
            text=(
                gettext("This server's clock is %(seconds).0f s ahead of Alipay's.")
                if ahead > 0
                else gettext("This server's clock is %(seconds).0f s behind Alipay's.")
            )
            % {"seconds": abs(ahead)},
            hint=gettext("Let a time service (NTP) set it."),
        )


def _error(text: str, hint: str = "") -> Finding:
    return Finding(level=Level.ERROR, text=text, hint=hint)
