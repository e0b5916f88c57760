"""Which errors of a database another try can mend."""

from __future__ import annotations

import pytest
from django.db import DataError, InternalError, OperationalError

from django_alipay_cancel.services.transactions import is_transient

pytestmark = pytest.mark.once


class OfPostgreSQL(Exception):
    def __init__(self, state):
        super().__init__(state)
        self.sqlstate = state


def caused_by(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (caused_by(InternalError(), OfPostgreSQL("25006")), True),  # read-only
        (caused_by(OperationalError(), OfPostgreSQL("53100")), True),  # disk full
        (caused_by(OperationalError(), OfPostgreSQL("53300")), True),  # too many clients
        (caused_by(DataError(), OfPostgreSQL("22001")), False),  # too long
        (caused_by(OperationalError(), Exception(1021, "Disk full")), True),
        (caused_by(OperationalError(), Exception(1226, "max_user_connections")), True),
        (caused_by(DataError(), Exception(1406, "Data too long")), False),
    ],
)
def test_what_a_server_that_mends_itself_says_is_worth_another_try(error, transient):
    assert is_transient(error) is transient
