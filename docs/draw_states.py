"""Draw the three state machines from the models, as Mermaid: python docs/draw_states.py."""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("states.md")


def page() -> str:
    """Return the page with one drawing per model."""
    from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

    parts = [
        "# The three state machines",
        "Drawn from the code by `python docs/draw_states.py`; a test fails when it is out of date.",
        *(_drawing(model) for model in (Payment, Cancellation, CancellationAttempt)),
    ]
    return "\n\n".join(parts) + "\n"


def _drawing(model: type) -> str:
    field = model._meta.get_field(model.state_field)
    lines = [f"    [*] --> {field.default}"]
    for transition in field.get_all_transitions(model):
        targets = getattr(transition.target, "allowed_states", [transition.target])
        lines += [f"    {transition.source} --> {to}: {transition.name}" for to in targets]
    arrows = "\n".join([lines[0], *sorted(lines[1:])])
    return f"## {model.__name__}\n\n```mermaid\nstateDiagram-v2\n{arrows}\n```"


if __name__ == "__main__":
    import os

    import django

    sys.path.insert(0, str(PAGE.parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
