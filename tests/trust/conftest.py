"""What the tests of trust share: payments whose result nobody has told yet."""

from __future__ import annotations

from functools import partial

import pytest


@pytest.fixture
def pay(pay):
    """Make a payment known to both sides, without a result unless one is given."""
    return partial(pay, status="PROCESSING")
