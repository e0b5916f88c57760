"""One open point, and what a gateway says to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django_alipay_cancel.confirming.asking import Said
from django_alipay_cancel.confirming.run import Run

# What was said, by step.
Steps = Mapping[str, Said]


@dataclass(frozen=True)
class Heard:
    """What one gateway said; ``unseen`` is why that does not settle the point, "" when it does.

    Without steps the point could not be asked.
    """

    steps: Steps = field(default_factory=dict)
    unseen: str = ""

    @property
    def settles(self) -> bool:
        return bool(self.steps) and not self.unseen


@dataclass(frozen=True)
class Point:
    """One open point: what the app assumes, the calls that ask, and what of the answers is read.

    ``unseen`` says why what was asked does not settle it, in English, "" when it does.
    """

    name: str
    assumption: str
    ask: Callable[[Run], Steps]
    read: Callable[[Said], str] = str
    unseen: Callable[[Run], str] = lambda run: ""

    def hear(self, run: Run) -> Heard:
        """Ask the gateway of ``run``."""
        return Heard(self.ask(run), self.unseen(run))

    def shown(self, heard: Heard) -> dict[str, str]:
        """Return what is read of each step."""
        return {step: self.read(said) for step, said in heard.steps.items()}

    def differs(self, fake: Heard, said: Heard) -> bool:
        """Whether a gateway said something else than FakeAlipay; silence is no difference."""
        return bool(said.steps) and self.shown(fake) != self.shown(said)
