"""Says why a notification that was kept does not verify, and what of it would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.management.telling import print_findings
from django_alipay_cancel.services.tracing import trace_notification
from django_alipay_cancel.wording import joined, signature_page


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # what is wrong with the settings, it says itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Says why a notification that was kept does not verify, and tries other bodies and "
            "paths to say which would have. It only diagnoses: nothing is sent or recorded. The "
            "exit status is 1 when the notification does not verify."
        )
        parser.add_argument(
            "--headers",
            metavar="F",
            required=True,
            help=gettext("The file with the headers, one `Name: value` a line."),
        )
        parser.add_argument(
            "--body",
            metavar="F",
            required=True,
            help=gettext("The file with the body, its bytes as they came."),
        )
        parser.add_argument(
            "--path",
            metavar="P",
            required=True,
            help=gettext("The path that was called, or the notify address as Alipay has it."),
        )
        parser.add_argument(
            "--merchant", metavar="M", default="default", help=gettext("The merchant it is for.")
        )

    def handle(self, *, headers: str, body: str, path: str, merchant: str, **options: Any) -> None:
        findings = trace_notification(
            headers=_headers(_read("--headers", headers)),
            body=_read("--body", body),
            path=urlsplit(path)._replace(scheme="", netloc="").geturl(),
            merchant=merchant,
        )
        try:
            errors = print_findings(self, findings)
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from None
        if errors:
            told = gettext("It does not verify. Nothing was recorded.")
            raise CommandError(joined([told, signature_page()]))
        self.stdout.write(gettext("It verifies. Nothing was recorded."))


def _read(option: str, name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(
            gettext("%(option)s: %(file)s cannot be read: %(error)s.")
            % {"option": option, "file": name, "error": error.strerror}
        ) from None


def _headers(text: bytes) -> HTTPHeaderDict:
    """Return the headers; lines that are none, such as that of the request, are passed over."""
    headers = HTTPHeaderDict()
    for line in text.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon and " " not in name.strip():
            headers.add(name.strip(), value.strip())
    return headers
