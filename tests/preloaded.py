"""What the processes of tests.actor have imported before they are forked; nothing is connected."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection  # noqa: E402

from tests.actor import places  # noqa: E402

places()
assert connection.vendor, "The driver of the database is imported by this."
