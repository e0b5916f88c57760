"""Work done by several threads, each with a connection of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connections, router
from django.utils.translation import gettext

from django_alipay_cancel.models import Cancellation

logger = logging.getLogger(__name__)

# Seconds within which a signal is acted on.
_SLICE = 0.2


def refuse_threads_in_schemas(workers: int) -> None:
    """Raise ImproperlyConfigured for several threads on a connection that switches schemas.

    django-tenants: the connection of a new thread stands in the public schema, where the tables of
    the tenant are missing or, worse, are those of somebody else.
    """
    database = router.db_for_write(Cancellation)
    if workers > 1 and callable(getattr(connections[database], "set_schema", None)):
        raise ImproperlyConfigured(
            gettext(
                "The database %(database)r switches schemas (django-tenants), and only this thread "
                "is in the tenant's: give --workers 1 (workers=1), a process for each tenant. See "
                "docs/how-to/run-the-worker.md."
            )
            % {"database": database}
        )


def in_threads(work: Callable[[], None], workers: int, *, patient: bool = False) -> None:
    """Let `work` be done by so many threads, or by as many as the database gives connections.

    `patient`: a thread that gets none begins all the same, and tries again by itself. Raises
    ImproperlyConfigured where several threads would work in another schema than the caller.
    """
    refuse_threads_in_schemas(workers)
    if workers == 1:
        work()
        return

    database = router.db_for_write(Cancellation)
    started: list[Future[None]] = []

    def work_and_close(number: int, connected: int) -> None:
        try:
            # One after another: all at once would storm the database, and then stay in step.
            try:
                connections[database].ensure_connection()
                connected += 1
            except DatabaseError as error:
                if not (patient or connected):
                    raise
                if not patient:
                    logger.warning(
                        "The database gives no connection to more than %d of %d workers: %s",
                        connected,
                        workers,
                        error,
                    )
                    return
            if number < workers:
                started.append(pool.submit(work_and_close, number + 1, connected))
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers, thread_name_prefix="cancel") as pool:
        started.append(pool.submit(work_and_close, 1, 0))
        for each in started:  # it grows meanwhile
            # In slices: any thread may take a signal, and only this one acts on it, when it wakes.
            while not each.done():
                wait([each], timeout=_SLICE)
        for done in started:
            done.result()
