"""Options that commands share."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils.translation import gettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.files.plain import plain


def add_reading_options(parser: ArgumentParser) -> None:
    """Add what says by hand how a file is to be read."""
    parser.add_argument(
        "--encoding", help=gettext("the file's encoding; without it UTF-8, UTF-16 or GB18030")
    )
    parser.add_argument(
        "--delimiter", help=gettext("what stands between cells; without it , ; or a tab")
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="OURS=THEIRS",
        help=gettext("what the columns are; then no others are read"),
    )


def refuse_unknown_merchant(name: str | None) -> None:
    """Raise CommandError when --merchant names none of MERCHANTS."""
    if name is not None and name not in settings.MERCHANTS:
        told = gettext("There is no merchant %(merchant)r; there are %(names)s.")
        names = ", ".join(settings.MERCHANTS)
        raise CommandError(plain(told % {"merchant": name, "names": names}))
