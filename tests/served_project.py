"""The settings of tests.settings made hard: a project as the REST routes may meet it.

ATOMIC_REQUESTS on every database, a router that reads from a replica which lags for ever, and
callers who are no users. TEST_ALIPAY_CANCEL is the setting as JSON, TEST_REPLICA a SQLite file; in
the folder TEST_UNDER_WAY stands a file for each request that is not over yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, MIDDLEWARE, database

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ALIPAY_CANCEL = json.loads(os.environ["TEST_ALIPAY_CANCEL"])
DATABASES["replica"] = database(f"sqlite://{os.environ['TEST_REPLICA']}")
for settings in DATABASES.values():
    settings["ATOMIC_REQUESTS"] = True
DATABASE_ROUTERS = ["tests.served_project.ReadFromReplica"]
MIDDLEWARE = ["tests.served_project.under_way", *MIDDLEWARE]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tests.served_project.ByMemberName",
        "rest_framework.authentication.SessionAuthentication",
    ]
}


def under_way(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Leave a file while a request is worked on, whether anybody still waits for its answer."""

    def middleware(request: Any) -> Any:
        file = Path(os.environ["TEST_UNDER_WAY"]) / uuid4().hex
        file.touch()
        try:
            return get_response(request)
        finally:
            file.unlink()

    return middleware


class ReadFromReplica:
    """The router: what the app reads without saying where comes from the replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "replica" if model._meta.app_label == "django_alipay_cancel" else None

    def allow_relation(self, *rows: Any, **hints: Any) -> bool:
        return True


@dataclass(frozen=True)
class Member:
    """Somebody from another table than the user model's, who may do everything."""

    name: str
    pk: int = 7
    is_authenticated: bool = True

    def __str__(self) -> str:
        return self.name

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        return True


class ByMemberName:
    """`Authorization: Member NAME`, believed without any proof: for tests alone."""

    def authenticate(self, request: Any) -> tuple[Member, None] | None:
        scheme, _, name = request.headers.get("authorization", "").partition(" ")
        return (Member(name), None) if scheme == "Member" and name else None

    def authenticate_header(self, request: Any) -> str:
        return "Member"
