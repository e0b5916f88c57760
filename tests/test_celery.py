"""The Celery tasks with a real worker process on Redis, and the app without Celery."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from django_alipay_cancel import services
from tests.processes import environment
from tests.services.conftest import rows

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")


@pytest.fixture
def celery_worker(gateway, tmp_path):
    """A Celery worker on the test database and the test's gateway; its queue is its own."""
    redis = pytest.importorskip("redis")
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.ConnectionError:
        if os.environ.get("CI_REQUIRE_ALL") == "1":
            raise
        pytest.skip("left out: Celery (no Redis at TEST_REDIS_URL)")
    import json

    from django.conf import settings

    project = tmp_path / "celery_project.py"
    project.write_text(
        "import json, os\n"
        "from celery import Celery\n"
        "import tests.settings\n"
        f"tests.settings.ALIPAY_CANCEL = json.loads({json.dumps(settings.ALIPAY_CANCEL)!r})\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')\n"
        f"app = Celery('shop', broker={REDIS!r})\n"
        f"app.conf.task_default_queue = 'alipay-{os.getpid()}'\n"
        "app.autodiscover_tasks()\n"
    )
    environ = {**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "celery_project"]
    worker = subprocess.Popen(
        [*command, "worker", "--concurrency", "2", "--loglevel", "WARNING"],
        env=environ,
        cwd=tmp_path,
    )
    sys.path.insert(0, str(tmp_path))
    import celery_project

    yield celery_project.app
    sys.path.remove(str(tmp_path))
    del sys.modules["celery_project"]
    celery_project.app.close()
    worker.terminate()
    assert worker.wait(timeout=30) == 0


def _eventually(payment, status):
    for _ in range(200):
        if rows(payment)["payment"] == status:
            return
        time.sleep(0.1)
    raise AssertionError(rows(payment))


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_attempts_one_and_sweeps_the_rest(celery_worker, gateway, pay):
    one, two = pay("one"), pay("two")
    cancellation = services.request_cancellation(one)
    key = str(cancellation.pk)
    # Duplicates are harmless: the row decides.
    for _ in range(3):
        celery_worker.send_task("django_alipay_cancel.attempt_cancellation", args=[key])
    _eventually(one, "CANCELLED")
    services.request_cancellation(two)
    celery_worker.send_task("django_alipay_cancel.sweep")
    _eventually(two, "CANCELLED")
    assert len(gateway.calls) == 2


def test_without_celery_nothing_of_it_is_imported():
    code = (
        "import sys; sys.modules['celery'] = None\n"
        "import django; django.setup()\n"
        "import django_alipay_cancel.services\n"
        "from django.core.management import call_command; call_command('check')\n"
        "assert 'django_alipay_cancel.tasks' not in sys.modules\n"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environ, check=True)
