"""System checks of the databases: `manage.py check --database default` says what would hurt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext

from django_alipay_cancel.fields import UnicodeCharField, UnicodeTextField
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.loop import LOOP_WORKERS


@register(Tags.database)
def check_databases(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Ask each database with payments whether it takes every character, and how it isolates."""
    ours = router.db_for_write(Payment)
    if ours not in (databases or ()):
        return []
    connection = connections[ours]
    checks = {"mysql": _mysql, "postgresql": _postgresql}
    found = checks.get(connection.vendor)
    return [*(found(connection) if found else ()), *_pool(connection)]


@register()
def check_surroundings(**kwargs: Any) -> list[CheckMessage]:
    """Look at the settings of others that this app cannot work with, or works worse with."""
    return [*_summer_time(), *_fsm_log(), *_users_elsewhere()]


def _mysql(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_connection")
        charset = cursor.fetchone()[0]
    if charset != "utf8mb4":
        yield _narrow(connection, charset, '"charset": "utf8mb4"')
    yield from _columns(connection)
    level = getattr(connection, "isolation_level", None)
    if level != "read committed":
        yield _isolation(connection, level or gettext("the server's own"))


def _postgresql(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        encoding = cursor.fetchone()[0]
    if encoding != "UTF8":
        yield _narrow(connection, encoding, "CREATE DATABASE ... ENCODING 'UTF8'")
    level = getattr(connection, "isolation_level", None)
    if level is not None and level.name != "READ_COMMITTED":
        yield _isolation(connection, level.name.replace("_", " ").lower())


def _narrow(connection: BaseDatabaseWrapper, charset: str, option: str) -> CheckMessage:
    return Error(
        gettext("The connection to the database %(alias)r carries %(charset)s only.")
        % {"alias": connection.alias, "charset": charset},
        hint=gettext(
            "A reason or a name with an emoji is refused, and Alipay's texts are stored escaped. "
            "Use %(option)s."
        )
        % {"option": option},
        id="django_alipay_cancel.E030",
    )


def _columns(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """Yield an error for each table that was made with narrower columns."""
    models = apps.get_app_config("django_alipay_cancel").get_models()
    for model in models:
        texts = [
            str(field.column)
            for field in model._meta.concrete_fields
            if isinstance(field, (UnicodeCharField, UnicodeTextField))
        ]
        narrow = sorted(_narrow_columns(connection, model._meta.db_table, texts))
        if narrow:
            yield Error(
                gettext("The table %(table)s cannot store every character in: %(columns)s.")
                % {"table": model._meta.db_table, "columns": ", ".join(narrow)},
                hint=gettext("Run ALTER TABLE %(table)s CONVERT TO CHARACTER SET utf8mb4.")
                % {"table": model._meta.db_table},
                id="django_alipay_cancel.E031",
            )


def _narrow_columns(
    connection: BaseDatabaseWrapper, table: str, columns: Iterable[str]
) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s",
            [table],
        )
        charsets = dict(cursor.fetchall())
    for column in columns:
        if charsets.get(column, "utf8mb4") != "utf8mb4":
            yield f"{column} ({charsets[column]})"


def _isolation(connection: BaseDatabaseWrapper, level: str) -> CheckMessage:
    return Warning(
        gettext("Transactions of the database %(alias)r are isolated by: %(level)s.")
        % {"alias": connection.alias, "level": level},
        hint=gettext(
            "Inside a transaction of yours, services may end with a serialization failure or a "
            "deadlock, to be repeated as a whole. READ COMMITTED avoids that."
        ),
        id="django_alipay_cancel.W030",
    )


def _pool(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    pool = connection.settings_dict.get("OPTIONS", {}).get("pool")
    size = pool.get("max_size", pool.get("min_size", 4)) if isinstance(pool, dict) else None
    if size is not None and size < LOOP_WORKERS:
        yield Warning(
            gettext("The pool of the database %(alias)r has %(size)d connections.")
            % {"alias": connection.alias, "size": size},
            hint=gettext(
                "process_cancellations --loop makes %(workers)d calls at a time and needs a "
                "connection for each: raise max_size, or give it --workers %(size)d."
            )
            % {"workers": LOOP_WORKERS, "size": size},
            id="django_alipay_cancel.W031",
        )


def _summer_time() -> Iterator[CheckMessage]:
    if settings.USE_TZ:
        return
    zone = ZoneInfo(settings.TIME_ZONE)
    year = datetime.now().year
    offsets = {datetime(year, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}
    if len(offsets) > 1:
        yield Warning(
            gettext("USE_TZ is False, and %(zone)s has summer time.")
            % {"zone": settings.TIME_ZONE},
            hint=gettext(
                "What is due in the night of the change waits an hour longer, or is tried an hour "
                "early. Set USE_TZ = True, or a TIME_ZONE without summer time."
            ),
            id="django_alipay_cancel.W032",
        )


def _fsm_log() -> Iterator[CheckMessage]:
    if apps.is_installed("django_fsm_log"):
        yield Warning(
            gettext("django-fsm-log keeps no log of the transitions of this app."),
            hint=gettext(
                "Its rows take whole numbers as keys, those of payments are UUIDs. Each of its "
                "errors is logged and changes nothing here; the payment's own history is complete."
            ),
            id="django_alipay_cancel.W033",
        )


def _users_elsewhere() -> Iterator[CheckMessage]:
    payments, users = router.db_for_write(Payment), router.db_for_write(get_user_model())
    if payments != users:
        yield Error(
            gettext("Payments are written to %(payments)r, users to %(users)r.")
            % {"payments": payments, "users": users},
            hint=gettext(
                "Payments name users by foreign keys, which end at the border of a database. Route "
                "django_alipay_cancel to the database of the users; a replica for reading works."
            ),
            id="django_alipay_cancel.E032",
        )
