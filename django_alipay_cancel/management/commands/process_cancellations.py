"""The worker: carries out what is due, in one pass or for as long as it runs."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from django.db import close_old_connections
from django.utils.translation import gettext

from django_alipay_cancel.management.stopping import Stop, stop_signals
from django_alipay_cancel.services.worker import MAX_WORKERS, ProcessReport, run_pass

logger = logging.getLogger(__name__)

_LONGEST_INTERVAL = 3600


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Carries out the cancellations that are due. Any number of these may run side by side. "
            "SIGTERM and SIGINT let the calls in flight finish."
        )
        parser.add_argument(
            "--loop",
            action="store_true",
            help=gettext("Go on until SIGTERM or SIGINT instead of one pass."),
        )
        parser.add_argument(
            "--interval",
            type=_interval,
            default=2.0,
            metavar="S",
            help=gettext("With --loop: seconds to pause when nothing was due (default 2)."),
        )
        parser.add_argument(
            "--workers",
            type=_workers,
            default=1,
            metavar="N",
            help=gettext("How many cancellations are worked on at once (default 1)."),
        )
        parser.add_argument(
            "--limit",
            type=_limit,
            metavar="N",
            help=gettext("At most N cancellations in one pass."),
        )

    def handle(
        self, *, loop: bool, interval: float, workers: int, limit: int | None, **options: Any
    ) -> None:
        with stop_signals() as stop:
            try:
                if loop:
                    self._run_until_stopped(stop, interval, workers, limit)
                else:
                    self._report(run_pass(limit=limit, workers=workers, stopping=stop.requested))
            except ImproperlyConfigured as error:
                raise CommandError(str(error)) from error
            except DatabaseFailure as error:
                raise CommandError(
                    gettext("The database cannot be used: %(error)s") % {"error": error}
                ) from error

    def _run_until_stopped(
        self, stop: Stop, interval: float, workers: int, limit: int | None
    ) -> None:
        while not stop.requested():
            close_old_connections()  # as between two requests: one that broke is made anew
            try:
                report = run_pass(limit=limit, workers=workers, stopping=stop.requested)
            except DatabaseFailure:
                logger.exception("The pass failed; the next one follows in %s s.", interval)
                stop.wait(interval)
                continue
            if report.processed:
                self._report(report)
            else:
                stop.wait(interval)

    def _report(self, report: ProcessReport) -> None:
        self.stdout.write(str(report))
        self.stdout.flush()  # a log collector on a pipe shall see it now


def _workers(text: str) -> int:
    return _whole_number(text, MAX_WORKERS)


def _limit(text: str) -> int:
    return _whole_number(text, 2**31 - 1)


def _whole_number(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(
            gettext("must be a whole number from 1 to %(most)d, not %(text)r")
            % {"most": most, "text": text}
        )
    return int(text)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_INTERVAL:
        raise argparse.ArgumentTypeError(
            gettext("must be seconds, more than 0 and at most %(most)d, not %(text)r")
            % {"most": _LONGEST_INTERVAL, "text": text}
        )
    return seconds
