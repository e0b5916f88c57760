"""Where rows are kept, as a shop's router says it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


class ByRow:
    """Of a shop whose payments are in several databases: it has to be told of which row it is.

    What is asked for without a row, and whatever is read without a word where, is nowhere.
    """

    def db_for_read(self, model: Any, instance: Any = None, **hints: Any) -> str:
        return "nowhere"

    def db_for_write(self, model: Any, instance: Any = None, **hints: Any) -> str:
        return "nowhere" if instance is None else "default"


class ReadsElsewhere:
    """Of a shop with a replica, which nobody has set up: to read from it fails."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        assert issubclass(model, Model), "a router is asked about a model"
        return "default"


class Elsewhere:
    """Of a project that keeps its payments apart from the default database."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "elsewhere"

    db_for_write = db_for_read
