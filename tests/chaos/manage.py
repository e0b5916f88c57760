"""manage.py of this suite's shop, in a process whose clock may be wrong.

CHAOS_CLOCK_AHEAD: seconds by which it is ahead. CHAOS_STANDS_STILL: a place of tests.actor at which
the process stops, as a paused machine does, each time it comes there.
"""

from __future__ import annotations

import os
import sys
import time

import django
import time_machine
from django.core.management import execute_from_command_line


def set_up() -> float:
    """Set the clock and the place that the environment names; return how far ahead the clock is."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"
    ahead = float(os.environ.get("CHAOS_CLOCK_AHEAD", "0"))
    if ahead:
        time_machine.travel(time.time() + ahead).start()
    django.setup()
    if place := os.environ.get("CHAOS_STANDS_STILL"):
        from tests.actor import places

        places()[place]()
    return ahead


if __name__ == "__main__":
    set_up()
    execute_from_command_line(sys.argv)
