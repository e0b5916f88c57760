"""After a test with transactions of its own: the tables emptied, and Django's own rows put back.

Django makes the content types and permissions anew after each flush by looking for each of them,
which takes longer than most tests. They are the same every time: here they are put back as they
were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush

_KEPT = (ContentType, Permission)


def put_back_quickly() -> None:
    """Let `flush` put back what it found the first time, for each database and set of apps."""
    flush.emit_post_migrate_signal = _once(flush.emit_post_migrate_signal)  # type: ignore[attr-defined]


def _once(emit: Callable[..., None]) -> Callable[..., None]:
    made: dict[Any, list[list[Any]]] = {}

    def put_back(verbosity: int, interactive: bool, db: str, **options: Any) -> None:
        known = (db, tuple(app.label for app in apps.get_app_configs()))
        if known not in made:
            emit(verbosity, interactive, db, **options)
            made[known] = [list(model._base_manager.using(db).all()) for model in _KEPT]
            return
        for model, rows in zip(_KEPT, made[known], strict=True):
            model._base_manager.using(db).bulk_create(rows)

    return put_back
