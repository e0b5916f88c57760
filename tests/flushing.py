"""After a test with transactions of its own: the tables emptied, and Django's own rows put back.

Django makes the content types and permissions anew after each flush by looking for each of them,
and truncates on PostgreSQL, which makes a new file for each table and index there: both take longer
than most tests. Here those rows stay, and are put back where a test has changed them, and the
others are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush

_KEPT = (ContentType, Permission)


def flush_quickly() -> None:
    """Let `flush` after a test delete rows, and make Django's own once for each set of apps."""
    flush.sql_flush = _deleting(flush.sql_flush)  # type: ignore[attr-defined]
    flush.emit_post_migrate_signal = _once(flush.emit_post_migrate_signal)  # type: ignore[attr-defined]


def _deleting(truncating: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def statements(style: Any, connection: Any, reset_sequences: bool, **options: Any) -> list[str]:
        if reset_sequences:  # whoever flushes by name wants all of it
            return truncating(style, connection, reset_sequences, **options)
        kept = {model._meta.db_table for model in _KEPT}
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
        tables = [name for name in names if name not in kept]
        if connection.vendor == "postgresql":
            return [f"DELETE FROM {connection.ops.quote_name(name)}" for name in tables]
        return list(connection.ops.sql_flush(style, tables))

    return statements


def _once(emit: Callable[..., None]) -> Callable[..., None]:
    made: dict[Any, list[list[Any]]] = {}

    def put_back(verbosity: int, interactive: bool, db: str, **options: Any) -> None:
        known = (db, tuple(app.label for app in apps.get_app_configs()))
        if known not in made:
            emit(verbosity, interactive, db, **options)
            made[known] = [_rows(model, db) for model in _KEPT]
        elif [_rows(model, db) for model in _KEPT] != made[known]:
            for model in reversed(_KEPT):
                model._base_manager.using(db).all().delete()
            for model, rows in zip(_KEPT, made[known], strict=True):
                model._base_manager.using(db).bulk_create(model(**row) for row in rows)

    return put_back


def _rows(model: Any, db: str) -> list[dict[str, Any]]:
    return list(model._base_manager.using(db).order_by("pk").values())
