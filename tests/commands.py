"""The management commands, as somebody types them."""

from __future__ import annotations

from io import StringIO

from django.core.management import CommandError, call_command


def run(*arguments, **options):
    """Return what the command printed, and the error it ended with."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*map(str, arguments), stdout=out, stderr=err, **options)
        failure = ""
    except CommandError as error:
        failure = str(error)
    return out.getvalue(), err.getvalue(), failure
