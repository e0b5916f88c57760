"""The suite's shop with Celery: its broker is CHAOS_BROKER."""

from __future__ import annotations

import os

from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"

app = Celery("chaos", broker=os.environ["CHAOS_BROKER"])
app.autodiscover_tasks(["django_alipay_cancel"])
app.set_default()
