"""What a file of `confirm_gateway` tells of a gateway, and what of it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]
StepFacts = Mapping[str, Facts]


def believed(points: Mapping[str, StepFacts], point: str, step: str) -> Facts | None:
    """Return a signed step with a whole result, nothing of it masked; None for any other."""
    facts = points.get(point, {}).get(step)
    if facts is None or facts["signed"] != "yes":
        return None
    return facts if facts["code"] not in ("", "?") and facts["status"] in tuple("SFU") else None
