"""Findings as a command tells them."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.checks import ERROR, INFO, WARNING, CheckMessage
from django.core.management.base import BaseCommand


def print_findings(command: BaseCommand, findings: Iterable[CheckMessage]) -> int:
    """Write each finding with its hint; return how many are errors."""
    styles = {
        INFO: command.style.SUCCESS("ok     "),
        WARNING: command.style.WARNING("warning"),
        ERROR: command.style.ERROR("error  "),
    }
    errors = 0
    for finding in findings:
        errors += finding.level == ERROR
        command.stdout.write(f"  {styles[finding.level]}  {finding.msg}")
        if finding.hint:
            command.stdout.write(f"           {finding.hint}")
    return errors
