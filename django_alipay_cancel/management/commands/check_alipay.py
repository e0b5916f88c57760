"""Says in one screen whether each merchant works, and what to do where one does not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.management.options import refuse_unknown_merchant
from django_alipay_cancel.management.telling import print_findings
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services import explain, refresh_payment
from django_alipay_cancel.services.diagnosing import diagnose, diagnose_project
from django_alipay_cancel.services.finding import look_up
from django_alipay_cancel.services.sweeping import orphaned


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it says the same, and more

    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Checks the settings of each merchant, with its keys loaded and callables called. "
            "The exit status is 1 when something cannot work."
        )
        parser.add_argument("--merchant", metavar="M", help=gettext("This merchant only."))
        parser.add_argument(
            "--payment",
            metavar="ID",
            help=gettext("Say why this payment stands where it does and what comes next."),
        )
        parser.add_argument(
            "--repair",
            action="store_true",
            help=gettext(
                "Ask Alipay about the payments that say CANCELLING without an open cancellation, "
                "and set them right."
            ),
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help=gettext(
                "Ask Alipay, signed, about a payment that cannot exist; nothing is changed."
            ),
        )

    def handle(
        self,
        *,
        merchant: str | None,
        live: bool,
        payment: str | None,
        repair: bool,
        **options: Any,
    ) -> None:
        if payment is not None:
            self._explain(payment)
            return
        if repair:
            self._repair()
            return
        errors = 0
        for name in self._merchants(merchant):
            self.stdout.write(f"{name}:")
            errors += print_findings(self, diagnose(name, live=live))
        errors += print_findings(self, diagnose_project())
        if errors:
            raise CommandError(
                ngettext("%(count)d error.", "%(count)d errors.", errors) % {"count": errors}
            )
        self.stdout.write(
            gettext("No errors.")
            if live
            else gettext("No errors in the settings. Nothing was sent: --live asks Alipay too.")
        )

    def _explain(self, name: str) -> None:
        [keys] = look_up(Payment.objects.all(), [name]).values()
        if not keys:
            raise CommandError(gettext("No payment is called %(name)r.") % {"name": name})
        for payment in Payment.objects.filter(pk__in=keys):
            self.stdout.write(f"{payment.pk} {payment}: {payment.status}")
            for sentence in explain(payment).sentences:
                self.stdout.write(f"  {sentence}")

    def _repair(self) -> None:
        payments = list(orphaned())
        for payment in payments:
            refresh_payment(payment)
            self.stdout.write(
                f"{payment.pk} {payment}: {payment.status}, "
                + gettext("Alipay said %(status)s.")
                % {"status": payment.checked_status or gettext("nothing")}
            )
        self.stdout.write(
            ngettext(
                "%(count)d payment said CANCELLING without an open cancellation.",
                "%(count)d payments said CANCELLING without an open cancellation.",
                len(payments),
            )
            % {"count": len(payments)}
        )

    def _merchants(self, merchant: str | None) -> list[str]:
        merchants = settings.MERCHANTS
        names = list(merchants) if isinstance(merchants, dict) else []
        if not names:
            raise CommandError(gettext("ALIPAY_CANCEL['MERCHANTS'] names no merchant."))
        refuse_unknown_merchant(merchant)
        return names if merchant is None else [merchant]
