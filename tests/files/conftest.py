"""Files of a test, written where it may."""

from __future__ import annotations

import pytest

from tests.files import variants


@pytest.fixture
def file(gateway, tmp_path):
    """Write a file and return its path."""

    def write(*lines, content=None, name="payments.csv"):
        path = tmp_path / name
        path.write_bytes(variants.utf8(*lines) if content is None else content)
        return path

    return write
