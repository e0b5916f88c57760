"""A signed question to Alipay about a payment that cannot exist, and all there is to say of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

from django.core.checks import CheckMessage, Error, Info, Warning
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.alipay.answers import Answer, one_line
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import KEY_CODES, ResultStatus
from django_alipay_cancel.known_settings import setting_name
from django_alipay_cancel.wording import (
    cause_sentence,
    error_sentence,
    joined,
    result_sentence,
    signature_page,
)

_CLOCKS_DIFFER = timedelta(seconds=60)
# With these the gateway may be right and the path wrong.
_PATH_ERRORS = ("unsigned", "http_status", "invalid_body", "bad_signature")
# With these something else than Alipay may have answered.
_NO_ANSWER = ("http_status", "invalid_body")
_BEGINNING = 200  # characters of a body


def probe(client: AlipayClient, merchant: str) -> Iterator[CheckMessage]:
    """Yield what was asked and answered; nothing is changed by it."""
    yield Info(_asked(client))
    answer = _inquire(client)
    sandbox = client.uses_sandbox_path
    if not answer.verified and answer.error in _PATH_ERRORS:
        other = AlipayClient(
            replace(client.credentials, sandbox_path=not sandbox), session=client.session
        )
        if _inquire(other).verified:
            yield Error(
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


def _asked(client: AlipayClient) -> str:
    address = client.address("inquiryPayment")
    credentials = client.credentials
    called = urlsplit(credentials.proxy or address)
    facts = {
        "address": address,
        "host": called.hostname,
        "found": _resolved(called.hostname or "", called.port),
    }
    if credentials.proxy:
        return gettext("Asked %(address)s through the proxy %(host)s (%(found)s).") % facts
    return gettext("Asked %(address)s (%(host)s: %(found)s).") % facts


def _resolved(host: str, port: int | None) -> str:
    try:
        found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return gettext("the name does not resolve")
    return ", ".join(dict.fromkeys(str(address[0]) for *_, address in found))


def _of_answer(answer: Answer, client: AlipayClient) -> CheckMessage:
    if answer.error:
        return _of_error(answer, client)
    if answer.result_code == "ORDER_NOT_EXIST":
        return Info(gettext("Alipay answered with its signature: keys, path and client ID work."))
    if answer.result_status == ResultStatus.S:
        return Warning(
            gettext("Alipay answered %(code)s for a payment that cannot exist (%(status)s).")
            % {"code": answer.result_code, "status": answer.payment_status or "-"},
            gettext(
                "Keys, path and client ID work. Is an error scenario simulated in Alipay's "
                "dashboard?"
            ),
        )
    said = gettext("Alipay answered %(code)s: %(sentence)s") % {
        "code": answer.result_code,
        "sentence": result_sentence(answer.result_code),
    }
    text = joined([said, _message(answer)])
    if answer.result_status == ResultStatus.F:
        return Error(text, gettext("Keys, path and client ID work. Ask Alipay about the code."))
    return Warning(text, gettext("Keys, path and client ID work. Try again."))


def _of_error(answer: Answer, client: AlipayClient) -> CheckMessage:
    code = answer.result_code if answer.error == "unsigned" else ""
    if code in KEY_CODES:
        half = gettext(
            "The public half of PRIVATE_KEY must be uploaded to Alipay as key version %(version)s. "
            "Compare the SHA-256 above with the uploaded key's, and check KEY_VERSION."
        ) % {"version": client.credentials.key_version}
        hint = joined([half, signature_page()])
    elif answer.cause:
        hint = joined([cause_sentence(answer.cause, answer.detail), signature_page()])
    else:
        hint = result_sentence(code) if code else error_sentence(answer.error)
    told = ", ".join(filter(None, _facts(answer, code)))
    said = f"{_where(client)}: {answer.error}{f' ({told})' if told else ''}."
    return Error(joined([said, _message(answer) if code else "", *_headers(answer)]), hint)


def _where(client: AlipayClient) -> str:
    gateway = urlsplit(client.credentials.gateway_url).netloc
    if not client.credentials.proxy:
        return gateway
    proxy = urlsplit(client.credentials.proxy)
    return gettext("%(gateway)s through the proxy %(proxy)s") % {
        "gateway": gateway,
        "proxy": f"{proxy.hostname}:{proxy.port}",
    }


def _facts(answer: Answer, code: str) -> Iterator[str]:
    if answer.error == "http_status":
        yield f"HTTP {answer.http_status}"
    yield code
    if answer.error in _NO_ANSWER:
        yield one_line(answer.response_body, _BEGINNING)
    else:
        yield answer.cause or answer.detail


def _headers(answer: Answer) -> Iterator[str]:
    if answer.error in _NO_ANSWER:
        yield f"Location: {answer.location}." if answer.location else ""
        yield f"Content-Type: {answer.content_type}." if answer.content_type else ""
        yield f"Content-Encoding: {answer.encoding}." if answer.encoding else ""


def _message(answer: Answer) -> str:
    if not answer.result_message:
        return ""
    return gettext("Its message: %(message)s") % {"message": answer.result_message}


def _of_clock(answer: Answer) -> Iterator[CheckMessage]:
    if answer.answered_at is None:
        return
    ahead = timezone.now().timestamp() - answer.answered_at.timestamp()
    if abs(ahead) > _CLOCKS_DIFFER.total_seconds():
        message = Error if answer.error else Warning
        yield message(
            (
                gettext("This server's clock is %(seconds).0f s ahead of Alipay's.")
                if ahead > 0
                else gettext("This server's clock is %(seconds).0f s behind Alipay's.")
            )
            % {"seconds": abs(ahead)},
            hint=gettext("Let a time service (NTP) set it."),
        )
