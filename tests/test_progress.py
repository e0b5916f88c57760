"""The progress of a long command: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from django.core.management.base import OutputWrapper

from django_alipay_cancel.management.progress import progress


class Stream(io.StringIO):
    """A stream that is a terminal, or is not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only when told to."""

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("django_alipay_cancel.management.progress.time", clock)
    return clock


def go(stream: Stream, clock, *, seconds: float = 0.0) -> str:
    with progress(4, "cancelling", OutputWrapper(stream)) as bar:
        for _ in range(3):
            clock.now += seconds
            bar.update(1)
    return stream.getvalue()


def test_elsewhere_a_line_tells_what_is_done_the_rate_and_the_time_left(clock):
    lines = go(Stream(terminal=False), clock, seconds=4).splitlines()
    assert lines[0].startswith("cancelling: 2 of 4, 0.2 a second, 8 s left")
    assert lines[-1] == "cancelling: 3 of 4, 0.2 a second, 4 s left"
    assert len(lines) == 2


def test_a_short_command_tells_only_its_end(clock):
    assert go(Stream(terminal=False), clock).splitlines() == [
        "cancelling: 3 of 4, 3000.0 a second, 0 s left"
    ]


def test_nothing_done_leaves_the_time_open(clock):
    stream = Stream(terminal=False)
    with progress(4, "cancelling", OutputWrapper(stream)):
        pass
    assert stream.getvalue() == "cancelling: 0 of 4, 0.0 a second\n"


def test_a_terminal_shows_a_bar(capsys, clock):
    pytest.importorskip("tqdm")
    assert go(Stream(terminal=True), clock) == ""
    assert "cancelling:  75%" in capsys.readouterr().err


def test_a_terminal_without_the_extra_gets_lines(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert "cancelling: 3 of 4" in go(Stream(terminal=True), clock)
