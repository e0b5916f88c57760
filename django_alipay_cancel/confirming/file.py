"""The file of a run, as `FakeAlipay.like` reads it and as it can be sent to us."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django_alipay_cancel.confirming.point import Heard, Point


def to_json(heard: Mapping[Point, tuple[Heard, Heard]], *, sandbox: bool, in_store: bool) -> str:
    """Return what was ``heard``, of FakeAlipay before the gateway: words, and no ids."""
    document = {
        "format": 1,
        "asked_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "sandbox": sandbox,
        "in_store": in_store,
        "points": {point.name: _of(point, *both) for point, both in heard.items()},
    }
    return json.dumps(document, indent=2) + "\n"


def _of(point: Point, fake: Heard, said: Heard) -> dict[str, Any]:
    return {
        "assumed": point.assumption,
        "fake": point.shown(fake),
        "said": {step: each.facts() for step, each in said.steps.items()},
        "unseen": said.unseen,
    }
