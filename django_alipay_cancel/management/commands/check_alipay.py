"""Says in one screen whether each merchant works, and what to do where one does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.diagnosis import Finding, Level
from django_alipay_cancel.services.diagnosing import diagnose, diagnose_project


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it says the same, and more

    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Checks the settings of each merchant, with its keys loaded and callables called. "
            "The exit status is 1 when something cannot work."
        )
        parser.add_argument("--merchant", metavar="M", help=gettext("This merchant only."))
        parser.add_argument(
            "--live",
            action="store_true",
            help=gettext(
                "Ask Alipay, signed, about a payment that cannot exist; nothing is changed."
            ),
        )

    def handle(self, *, merchant: str | None, live: bool, **options: Any) -> None:
        errors = 0
        for name in self._merchants(merchant):
            self.stdout.write(f"{name}:")
            errors += self._tell(diagnose(name, live=live))
        errors += self._tell(diagnose_project())
        if errors:
            raise CommandError(
                ngettext("%(count)d error.", "%(count)d errors.", errors) % {"count": errors}
            )
        self.stdout.write(
            gettext("No errors.")
            if live
            else gettext("No errors in the settings. Nothing was sent: --live asks Alipay too.")
        )

    def _merchants(self, merchant: str | None) -> list[str]:
        merchants = settings.MERCHANTS
        names = list(merchants) if isinstance(merchants, dict) else []
        if not names:
            raise CommandError(gettext("ALIPAY_CANCEL['MERCHANTS'] names no merchant."))
        if merchant is None:
            return names
        if merchant not in names:
            raise CommandError(
                gettext("There is no merchant %(merchant)r; there are %(names)s.")
                % {"merchant": merchant, "names": ", ".join(names)}
            )
        return [merchant]

    def _tell(self, findings: Iterable[Finding]) -> int:
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.ERROR: self.style.ERROR,
        }
        errors = 0
        for finding in findings:
            errors += finding.level is Level.ERROR
            level = styles[finding.level](f"{finding.level:7}")
            self.stdout.write(f"  {level}  {finding.text}")
            if finding.hint:
                self.stdout.write(f"           {finding.hint}")
        return errors
