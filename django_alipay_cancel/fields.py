"""Model fields that behave alike on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class _EveryCharacter(models.Field):  # type: ignore[type-arg]  # generic in the stubs alone
    """Text of every character, whatever the default charset of a MySQL or MariaDB database is."""

    mysql_collation = "utf8mb4_unicode_ci"

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = self.mysql_collation
        return parameters


class UnicodeCharField(_EveryCharacter, models.CharField):  # type: ignore[type-arg]
    """One line of text, of every character."""


class UnicodeTextField(_EveryCharacter, models.TextField):  # type: ignore[type-arg]
    """Text of every character."""


class ExactCharField(UnicodeCharField):
    """Text compared byte for byte: MySQL and MariaDB would take "Order-1" and "order-1" for one."""

    mysql_collation = "utf8mb4_bin"


class CodeField(models.CharField):  # type: ignore[type-arg]
    """A code out of a list that grows: its choices are no part of a migration."""

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        options.pop("choices", None)
        return name, path, arguments, options
