"""The command process_cancellations, mostly as a process of its own that gets signals."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from django_alipay_cancel import services
from django_alipay_cancel.management.stopping import Stop, stop_signals
from django_alipay_cancel.models import Cancellation, Worker
from django_alipay_cancel.testing import Fault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

ROOT = Path(__file__).parent.parent
SETTINGS = """
from tests.settings import *
DATABASES["default"]["NAME"] = {database!r}
ALIPAY_CANCEL = {alipay!r}
ROOT_URLCONF = __name__  # a worker has no pages
urlpatterns = []
"""
PATIENCE = 60


@pytest.fixture
def due(gateway: Any) -> Callable[[str], Cancellation]:
    """Request cancellations of paid payments."""

    def request(payment_request_id: str) -> Cancellation:
        gateway.add_payment(payment_request_id=payment_request_id)
        payment = services.record_payment(payment_request_id=payment_request_id)
        return services.request_cancellation(payment)

    return request


@pytest.fixture
def run(tmp_path: Path, gateway: Any, settings: Any) -> Iterator[Callable[..., Any]]:
    """Start the command in a process that has this test's database and gateway."""
    source = SETTINGS.format(
        database=str(connection.settings_dict["NAME"]), alipay=settings.ALIPAY_CANCEL
    )
    (tmp_path / "worker_settings.py").write_text(source)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "worker_settings",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "django", "process_cancellations", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def held_calls(gateway: Any) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let the gateway keep its answers back; yield "a call has come" and "answer now"."""
    arrived, answer = threading.Event(), threading.Event()

    def hold(call: Any) -> None:
        arrived.set()
        answer.wait(PATIENCE)

    gateway.before_answer = hold
    try:
        yield arrived, answer
    finally:
        answer.set()


@contextmanager
def table_away() -> Iterator[None]:
    """Take the cancellations' table away, as a database that is being moved does."""
    table = Cancellation._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def wait_until(is_true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < give_up, "It did not happen in time."
        time.sleep(0.05)


def status_of(cancellation: Cancellation) -> str:
    cancellation.refresh_from_db()
    return str(cancellation.status)


def test_one_pass_prints_one_line(run: Any, due: Any) -> None:
    cancellation = due("paid")
    process = run()
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out == ("1 processed: 1 succeeded, 0 rejected, 0 need review, 0 pending, 0 errors.\n")
    assert status_of(cancellation) == Cancellation.Status.SUCCEEDED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_lets_the_call_in_flight_finish_and_begins_no_other(
    run: Any, due: Any, gateway: Any, number: signal.Signals, workers: str
) -> None:
    cancellations = [due(f"paid-{n}") for n in range(4)]
    with held_calls(gateway) as (arrived, answer):
        process = run("--loop", "--workers", workers)
        assert arrived.wait(PATIENCE)
        wait_until(lambda: len(gateway.calls) == int(workers))
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        answer.set()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    finished = [c for c in cancellations if status_of(c) == Cancellation.Status.SUCCEEDED]
    assert len(finished) == len(gateway.calls) == int(workers)


@pytest.mark.skipif(sys.platform != "linux", reason="a thread is signalled by its number")
def test_a_signal_that_another_thread_takes_ends_the_loop(run: Any, due: Any) -> None:
    cancellation = due("paid")
    process = run("--loop", "--workers", "2")
    wait_until(lambda: status_of(cancellation) == Cancellation.Status.SUCCEEDED)
    wait_until(lambda: len(other_threads(process)) >= 2)
    assert ctypes.CDLL(None).tgkill(process.pid, other_threads(process)[-1], signal.SIGTERM) == 0
    assert process.wait(PATIENCE) == 0


def other_threads(process: subprocess.Popen[str]) -> list[int]:
    """Return the numbers of its threads beside the main one."""
    numbers = (int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir())
    return sorted(number for number in numbers if number != process.pid)


def test_one_pass_is_stopped_by_a_signal_too(run: Any, due: Any, gateway: Any) -> None:
    first, second = due("first"), due("second")
    with held_calls(gateway) as (arrived, answer):
        process = run()
        assert arrived.wait(PATIENCE)
        process.send_signal(signal.SIGTERM)
        answer.set()
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert out.startswith("1 processed: 1 succeeded")
    assert status_of(first) == Cancellation.Status.SUCCEEDED
    assert status_of(second) == Cancellation.Status.PENDING


def test_a_signal_ends_the_pause_at_once(run: Any, due: Any) -> None:
    cancellation = due("paid")
    process = run("--loop", "--interval", "3600")
    wait_until(lambda: status_of(cancellation) == Cancellation.Status.SUCCEEDED)
    time.sleep(0.5)  # into the pause
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_second_signal_ends_the_worker_at_once(run: Any, due: Any, gateway: Any) -> None:
    due("paid")
    gateway.misbehave(Fault.SILENT_BEFORE, payment="paid")
    process = run("--loop")
    wait_until(lambda: gateway.calls_for("paid"))
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None, "the call in flight is waited for"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM


def test_what_hangs_after_a_signal_is_ended_when_the_patience_is_over() -> None:
    hanging = (
        "import time\n"
        "from django_alipay_cancel.management.stopping import stop_signals\n"
        "with stop_signals(patience=1):\n"
        "    print('ready', flush=True)\n"
        "    while True: time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hanging], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGALRM
    process.stdout.close()


def test_a_worker_whose_reader_is_gone_goes_on(run: Any, due: Any) -> None:
    process = run("--loop", "--interval", "0.1")
    process.stdout.close()
    for name in ("first", "second"):
        cancellation = due(name)
        wait_until(lambda c=cancellation: status_of(c) == Cancellation.Status.SUCCEEDED)
        assert "The report cannot be written" in process.stderr.readline()
    assert process.poll() is None


def test_the_loop_pauses_only_when_nothing_was_due(run: Any, due: Any) -> None:
    cancellations = [due(f"paid-{n}") for n in range(3)]
    run("--loop", "--interval", "3600", "--limit", "1")
    for cancellation in cancellations:
        wait_until(lambda c=cancellation: status_of(c) == Cancellation.Status.SUCCEEDED)


def test_the_loop_does_what_falls_due_later(run: Any, due: Any, gateway: Any) -> None:
    process = run("--loop", "--interval", "0.1")
    wait_until(Worker.objects.exists)  # written by the first pass, which finds nothing
    cancellation = due("later")
    wait_until(lambda: status_of(cancellation) == Cancellation.Status.SUCCEEDED)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.count("\n") == 1, "A pass with nothing to do is not worth a line."


@pytest.mark.parametrize("limit", [(), ("--limit", "5")])
def test_the_loop_outlives_a_database_that_is_away(
    run: Any, due: Any, limit: tuple[str, ...]
) -> None:
    cancellation = due("paid")
    with table_away():
        process = run("--loop", "--interval", "0.2", *limit)
        assert "The pass failed" in process.stderr.readline()
    wait_until(lambda: status_of(cancellation) == Cancellation.Status.SUCCEEDED)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_one_pass_without_its_tables_fails_in_one_sentence(run: Any) -> None:
    with table_away():
        process = run()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("CommandError: The database cannot be used: ")
    assert "Traceback" not in err


def test_a_broken_setting_is_told_in_one_sentence(settings: Any) -> None:
    settings.ALIPAY_CANCEL = []
    with pytest.raises(CommandError, match="ALIPAY_CANCEL must be a dictionary"):
        call_command("process_cancellations")


def test_the_limit_leaves_the_rest_to_the_next_pass(due: Any) -> None:
    for n in range(3):
        due(f"paid-{n}")
    out = StringIO()
    call_command("process_cancellations", "--limit", "2", stdout=out)
    assert out.getvalue().startswith("2 processed")
    assert Cancellation.objects.filter(status=Cancellation.Status.PENDING).count() == 1


def test_a_lost_answer_is_counted_as_pending(due: Any, gateway: Any) -> None:
    due("paid")
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, payment="paid")
    out = StringIO()
    call_command("process_cancellations", stdout=out)
    assert "1 pending" in out.getvalue()


def test_the_handlers_of_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    call_command("process_cancellations", stdout=StringIO())
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--workers", "0"),
        ("--workers", "257"),
        ("--workers", "many"),
        ("--limit", "0"),
        ("--interval", "0"),
        ("--interval", "-1"),
        ("--interval", "nan"),
        ("--interval", "soon"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(option: str, value: str) -> None:
    with pytest.raises(CommandError, match=f"argument {option}: must be"):
        call_command("process_cancellations", f"{option}={value}")


def test_of_many_threads_that_wait_none_stays_behind_when_a_signal_comes():
    for _ in range(20):
        stop = Stop(patience=0)

        def work(stop=stop):
            while not stop.requested():
                stop.wait(0.01)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        stop.request(signal.SIGTERM, None)
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)


def test_a_signal_that_wakes_no_wait_is_seen_within_a_second():
    def send():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_signals() as stop:
        # Taken by another thread: this one's wait is not cut short.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        sender = threading.Timer(0.2, send)
        sender.start()
        began = time.monotonic()
        try:
            stop.wait(60)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            sender.join()
        assert time.monotonic() - began < 20
        assert stop.requested()
