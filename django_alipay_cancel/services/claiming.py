"""Claims and attempts: the committed rows that stand before every call.

A claim is the time written to `next_attempt_at`: a lease, and a token that every later write of
the same pass compares. When the process dies, the row falls due again by itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.recording import abandon

# Seconds. Nothing was sent, so that asking sooner costs Alipay nothing.
_LONGEST_RESEND_DELAY = 600


def lease_length() -> timedelta:
    """Return how long a claim holds: three calls at their limit and ten seconds."""
    return timedelta(seconds=3 * sum(settings.TIMEOUT) + 10)


def lease() -> datetime:
    """Return the end of a claim made now."""
    # The microseconds make two claims of one row differ even when a clock is set back. They are
    # compared with what is stored, and no secret.
    return timezone.now() + lease_length() + timedelta(microseconds=random.randrange(1000))  # nosec B311


def due_since(cancellation: Cancellation) -> datetime | None:
    """Return when this cancellation fell due, None when it is not due.

    Opening an attempt with it as the token claims the row and fails when somebody else was quicker.
    """
    due: datetime | None = cancellation.next_attempt_at
    return None if due is None or due > timezone.now() else due


def claim(cancellation: Cancellation) -> bool:
    """Claim this cancellation, read as due, before anything else; False: another worker has it."""
    due, cancellation.next_attempt_at = cancellation.next_attempt_at, lease()
    return cancellation.store("next_attempt_at", next_attempt_at=due)


def held(token: datetime | None) -> Mapping[str, datetime]:
    """Return the lookup that later writes must meet; a person's inquiry holds no claim."""
    return {} if token is None else {"next_attempt_at": token}


def delay(used: int) -> timedelta:
    """Return the wait before the next repeat when `used` delays are used up, with its jitter."""
    delays = settings.RETRY_DELAYS
    # A jitter, and no secret: a thousand that failed at once shall not come back at once.
    seconds = delays[min(used, len(delays) - 1)]
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # nosec B311


def resend_delay(cancellation: Cancellation) -> timedelta:
    """Return the wait after an attempt that was not sent: no delay is used up by it.

    It grows with the attempts not sent since the schedule started: an outage of a day is neither
    hammered at nor stored as tens of thousands of attempts.
    """
    unsent = (
        cancellation.attempts.using(cancellation.database)
        .filter(outcome=CancellationAttempt.Outcome.NOT_SENT, sent_at__gte=cancellation.asked_at)
        .count()
    )
    longest = timedelta(seconds=_LONGEST_RESEND_DELAY)
    return min(delay(cancellation.repeats + max(unsent - 1, 0)), longest)


def open_attempt(
    cancellation: Cancellation,
    payment: Payment,
    client: AlipayClient,
    kind: str,
    token: datetime | None,
) -> CancellationAttempt | None:
    """Write the OPEN attempt of a call that is about to be made, and renew the claim.

    Runs inside the transaction that commits it. The new token is then in
    `cancellation.next_attempt_at`. Returns None when the claim is lost: somebody else goes on.
    """
    if token is not None:
        cancellation.next_attempt_at = lease()
    renewed = ("next_attempt_at",) if token is not None else ()
    if not cancellation.store(*renewed, **held(token)):
        cancellation.refresh_from_db()
        return None
    attempts = cancellation.attempts.using(cancellation.database)
    # Without the answers: a day's outage leaves more than a hundred attempts.
    columns = ("number", "kind", "outcome", "request_body")
    earlier = list(attempts.order_by("number").values_list(*columns, named=True))
    opened = CancellationAttempt.Outcome.OPEN
    if token is not None and any(attempt.outcome == opened for attempt in earlier):
        abandon(attempts.all())
    number = earlier[-1].number + 1 if earlier else 1
    body = next((attempt.request_body for attempt in earlier if attempt.kind == kind), None)
    return create_attempt(cancellation, payment, client, kind, number=number, body=body)


def create_attempt(
    cancellation: Cancellation,
    payment: Payment,
    client: AlipayClient,
    kind: str,
    *,
    number: int = 1,
    body: str | None = None,
) -> CancellationAttempt:
    """Insert the OPEN attempt. A repeat carries `body`, the very text of the first of its kind."""
    cancels = kind == CancellationAttempt.Kind.CANCEL
    if body is None:
        body = client.request_body(
            payment_request_id=payment.payment_request_id, payment_id=payment.payment_id
        )
    attempt: CancellationAttempt = CancellationAttempt(
        cancellation=cancellation,
        number=number,
        kind=kind,
        open_for=cancellation if cancels else None,
        client_id=client.credentials.client_id,
        sent_at=timezone.now(),
        request_body=body,
    )
    attempt.save(using=cancellation.database, force_insert=True)
    return attempt
