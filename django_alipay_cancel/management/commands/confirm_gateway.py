"""Asks the sandbox what the documentation leaves open, and compares it with FakeAlipay."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.alipay.client import SANDBOX_PREFIX
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.confirming.beside import beside
from django_alipay_cancel.confirming.file import to_json
from django_alipay_cancel.confirming.point import Heard, Point
from django_alipay_cancel.confirming.points import POINTS
from django_alipay_cancel.confirming.run import LOOKS, NOWHERE, Run


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Makes payments in the sandbox, cancels them, and says how the gateway answers where "
            "its documentation says nothing. No row is written."
        )
        parser.add_argument("--merchant", metavar="M", required=True, help=gettext("Its alias."))
        parser.add_argument(
            "--paid", metavar="ID", default="", help=gettext("A paid payment; it is cancelled.")
        )
        parser.add_argument(
            "--authorized",
            metavar="ID",
            default="",
            help=gettext("An authorized payment; it is cancelled."),
        )
        parser.add_argument(
            "--refundable",
            metavar="ID",
            default="",
            help=gettext(
                "The paymentId of a paid payment of 1.00 USD whose cancellation window is over; it "
                "is refunded, once."
            ),
        )
        parser.add_argument(
            "--notify-url",
            metavar="URL",
            default=NOWHERE,
            help=gettext("Where Alipay is to tell the results of the payments that are made."),
        )
        parser.add_argument(
            "--in-store",
            action="store_true",
            help=gettext("Pay with an order code, not with the online cashier."),
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            type=Path,
            default=Path("confirmed.json"),
            help=gettext("The file that is written; confirmed.json unless given."),
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help=gettext(
                "Go on with a client id without SANDBOX_. In production this makes real payments "
                "and cancels them."
            ),
        )

    def handle(
        self,
        *,
        merchant: str,
        paid: str,
        authorized: str,
        refundable: str,
        notify_url: str,
        in_store: bool,
        output: Path,
        force: bool,
        **options: Any,
    ) -> None:
        try:
            client = client_for(merchant)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        sandbox = client.credentials.client_id.startswith(SANDBOX_PREFIX)
        if not sandbox and not force:
            raise CommandError(
                gettext(
                    "The client id of %(merchant)s does not begin with SANDBOX_. --force asks all "
                    "the same."
                )
                % {"merchant": merchant}
            )
        run = Run(
            client=client,
            sleep=sleep,
            paid=paid,
            authorized=authorized,
            refundable=refundable,
            in_store=in_store,
            notify_url=notify_url,
        )
        said = run.inquire_unknown()
        if said.signed != "yes":
            raise CommandError(
                gettext(
                    "The gateway gave no answer that can be believed: %(said)s. See check_alipay "
                    "--live first."
                )
                % {"said": said}
            )
        self.stdout.write(
            gettext(
                "At the end a payment is left to expire: that takes %(seconds)d seconds. What does "
                "not show at once, a lost cancel or a refund, is looked for during up to "
                "%(looks)d seconds each."
            )
            % {"seconds": run.lasts, "looks": LOOKS[-1]}
        )
        heard = self._ask(run)
        text = to_json(heard, sandbox=sandbox, in_store=in_store)
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}") from None
        differ = sum(point.differs(*both) for point, both in heard.items())
        unsettled = sum(not said.settles for _, said in heard.values())
        self.stdout.write(
            ngettext(
                "%(count)d point differs from FakeAlipay.",
                "%(count)d points differ from FakeAlipay.",
                differ,
            )
            % {"count": differ}
        )
        if unsettled:
            self.stdout.write(
                ngettext(
                    "%(count)d point stays open.",
                    "%(count)d points stay open.",
                    unsettled,
                )
                % {"count": unsettled}
            )
        self.stdout.write(
            gettext("%(file)s holds all of it, without ids, keys and signatures.")
            % {"file": output}
        )

    def _ask(self, run: Run) -> dict[Point, tuple[Heard, Heard]]:
        heard = {}
        fake_run = beside(run)
        for point in POINTS:
            fake, said = heard[point] = (point.hear(fake_run), point.hear(run))
            mark = self.style.WARNING(" *") if point.differs(fake, said) else ""
            self.stdout.write(f"{point.name}{mark}")
            self.stdout.write(
                "  " + gettext("assumed: %(text)s") % {"text": gettext(point.assumption)}
            )
            self.stdout.write(f"  FakeAlipay: {_told(point, fake)}")
            self.stdout.write(f"  Alipay: {_told(point, said)}")
        return heard


def _told(point: Point, heard: Heard) -> str:
    told = [f"{step}: {read}" for step, read in point.shown(heard).items()]
    if heard.unseen:
        told.append(gettext("not seen: %(why)s") % {"why": gettext(heard.unseen)})
    return "; ".join(told) or gettext("not asked")
