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
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.heartbeat import ClockCheck
from django_alipay_cancel.services.loop import LOOP_WORKERS, run_loop
from django_alipay_cancel.services.outage import Outage
from django_alipay_cancel.services.report import ProcessReport
from django_alipay_cancel.services.worker import MAX_WORKERS, run_pass

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
            default=1.0,
            metavar="S",
            help=gettext("With --loop: seconds to pause when nothing was due (default 1)."),
        )
        parser.add_argument(
            "--workers",
            type=_workers,
            metavar="N",
            help=gettext(
                "How many cancellations are worked on at once (default 1; with --loop 4)."
            ),
        )
        parser.add_argument(
            "--limit",
            type=_limit,
            metavar="N",
            help=gettext("At most N cancellations in one pass."),
        )

    def handle(
        self,
        *,
        loop: bool,
        interval: float,
        workers: int | None,
        limit: int | None,
        **options: Any,
    ) -> None:
        workers = workers or (LOOP_WORKERS if loop else 1)
        try:
            # A call in flight ends within its limit, and what it said is stored within the lease.
            with stop_signals(patience=schedule.lease_length().total_seconds()) as stop:
                if loop:
                    self._run_until_stopped(stop, interval, workers, limit)
                else:
                    self._run_once(stop, workers, limit)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except DatabaseFailure as error:
            raise CommandError(
                gettext("The database cannot be used: %(error)s") % {"error": error}
            ) from error

    def _run_once(self, stop: Stop, workers: int, limit: int | None) -> None:
        clock = ClockCheck()
        clock.compare()
        if not clock.is_right:
            raise CommandError(
                gettext(
                    "The clock of this process differs from the database's by %(seconds).1f s: "
                    "nothing is claimed until that is mended."
                )
                % {"seconds": clock.offset}
            )
        self._report(run_pass(limit=limit, workers=workers, stopping=stop.requested))

    def _run_until_stopped(
        self, stop: Stop, interval: float, workers: int, limit: int | None
    ) -> None:
        if limit is None:
            run_loop(workers=workers, interval=interval, stop=stop, tell=self._report)
            return
        clock, outage = ClockCheck(), Outage(threads=1)
        while not stop.requested():
            close_old_connections()  # as between two requests: one that broke is made anew
            try:
                clock.compare()
                report = (
                    run_pass(limit=limit, workers=workers, stopping=stop.requested)
                    if clock.is_right
                    else ProcessReport()
                )
                outage.over()
            except DatabaseFailure as error:
                outage.goes_on(error)
                stop.wait(interval)
                continue
            if report.processed:
                self._report(report)
            else:
                stop.wait(interval)

    def _report(self, report: ProcessReport) -> None:
        try:
            self.stdout.write(str(report))
            self.stdout.flush()  # a log collector on a pipe shall see it now
        except OSError as error:  # its reader is gone, or the disk is full: the work goes on
            logger.warning("The report cannot be written (%s): %s", error, report)


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
