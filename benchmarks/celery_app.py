"""The shop's Celery application, as the benchmark's worker and its sender import it."""

import os

from celery import Celery

app = Celery("bench", broker=os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/9")
app.conf.task_default_queue = "alipay-cancel-bench"
app.autodiscover_tasks(["django_alipay_cancel"])
