"""Fill the three tables with history, by the database's own means: a million rows in minutes."""

from __future__ import annotations

from datetime import datetime
from textwrap import dedent

from django.db import connection, transaction
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

# What the n-th payment of each hundred is: payment, cancellation, outcome of its one attempt.
_KINDS = {
    70: ("CANCELLED", "SUCCEEDED", "SUCCEEDED"),
    90: ("SUCCESS", "REJECTED", "REJECTED"),
    95: ("CANCELLING", "NEEDS_REVIEW", "UNKNOWN"),
    100: ("CANCELLING", "PENDING", "UNKNOWN"),  # its next attempt is hours away
}
_WITHOUT_CANCELLATION = {80: "SUCCESS", 90: "PROCESSING", 95: "AUTHORIZED", 100: "FAIL"}

_PAYMENTS = """
    INSERT INTO {payments} (
        id, merchant, payment_request_id, payment_id, amount_value, amount_currency, reference,
        authorized_at, paid_at, failed_at, cancelled_at, checked_status,
        status, created_at, updated_at
    )
    SELECT
        {payment_id}, 'default', concat('{name}-request-', n), concat('{name}-payment-', n),
        100 + n % 90000, 'USD', concat('{name}-', n),
        CASE WHEN status = 'AUTHORIZED' THEN at END,
        CASE WHEN status IN ('SUCCESS', 'CANCELLED', 'CANCELLING') THEN at END,
        CASE WHEN status = 'FAIL' THEN at END,
        CASE WHEN status = 'CANCELLED' THEN at END, '',
        status, at, at
    FROM (SELECT n, {at} AS at, {payment_status} AS status FROM {numbers}) AS facts
"""
_CANCELLATIONS = """
    INSERT INTO {cancellations} (
        id, payment_id, open_for_id, requested_by_name, source, reason, repeats, next_attempt_at,
        asked_at, asked_by_name, result_code, result_message, error, next_step, closed_by_name,
        note, status, created_at, finished_at, or_refund, means, refund_id, refund_currency
    )
    SELECT
        {cancellation_id}, {payment_id},
        CASE WHEN status IN ('PENDING', 'NEEDS_REVIEW') THEN {payment_id} END,
        'filled', 'code', '', 1,
        CASE WHEN status IN ('PENDING', 'NEEDS_REVIEW') THEN {far_away} END,
        at, '', CASE WHEN status = 'SUCCEEDED' THEN 'SUCCESS' ELSE 'PROCESS_FAIL' END, '', '',
        CASE status WHEN 'SUCCEEDED' THEN 'NONE' WHEN 'PENDING' THEN 'WAIT'
            ELSE 'CONTACT_ALIPAY' END,
        '', '', status, at, CASE WHEN status IN ('SUCCEEDED', 'REJECTED') THEN at END,
        FALSE, 'cancel', '', ''
    FROM (SELECT n, {at} AS at, {cancellation_status} AS status FROM {numbers}
        WHERE {cancelled}) AS facts
"""
_ATTEMPTS = """
    INSERT INTO {attempts} (
        payment_id, cancellation_id, number, kind, asked_by, asked_by_name, client_id, sent_at,
        claim_until, finished_at, http_status, result_status, result_code, result_message,
        payment_status, error, request_body, response_body, trace_id, cause, detail, said, outcome,
        refund_status
    )
    SELECT
        {payment_id}, {cancellation_id}, 1, 'cancel', 'schedule', '', 'SANDBOX_5X00000000000000',
        at, at, at, 200,
        CASE outcome WHEN 'SUCCEEDED' THEN 'S' WHEN 'REJECTED' THEN 'F' ELSE 'U' END,
        CASE WHEN outcome = 'SUCCEEDED' THEN 'SUCCESS' ELSE 'PROCESS_FAIL' END, '', '', '',
        concat('{{"paymentRequestId":"{name}-request-', n, '"}}'), '{{"result":{{}}}}', '', '', '',
        CASE outcome WHEN 'SUCCEEDED' THEN 'YES' WHEN 'REJECTED' THEN 'REFUSED' ELSE 'NO_WORD' END,
        outcome, ''
    FROM (SELECT n, {at} AS at, {outcome} AS outcome FROM {numbers}
        WHERE {cancelled}) AS facts
"""


def fill(
    payments: int, *, whole_every: int = 0, name: str = "filled", seconds_apart: int = 30
) -> None:
    """Add `payments` payments, each with one cancellation, and that with one attempt.

    Every `whole_every`-th payment has none (0: all have one). Their ids begin with `name`, so that
    filling twice needs two names; they lie `seconds_apart`, the youngest first. PostgreSQL and
    MariaDB only.
    """
    words = _words(payments, whole_every, name, seconds_apart)
    with transaction.atomic(), connection.cursor() as cursor:
        for template in (_PAYMENTS, _CANCELLATIONS, _ATTEMPTS):
            cursor.execute(dedent(template).format(**words))
    analyze()


def analyze() -> None:
    """Tell the planner what is there now."""
    tables = ", ".join(
        model._meta.db_table for model in (Payment, Cancellation, CancellationAttempt)
    )
    statement = "ANALYZE" if connection.vendor == "postgresql" else "ANALYZE TABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} {tables}")


def _words(payments: int, whole_every: int, name: str, seconds_apart: int) -> dict[str, str]:
    now = timezone.now()
    is_whole = f"n % {whole_every} = 0" if whole_every else "1 = 0"
    return {
        "payments": Payment._meta.db_table,
        "cancellations": Cancellation._meta.db_table,
        "attempts": CancellationAttempt._meta.db_table,
        "name": name,
        "numbers": _numbers(payments),
        "cancelled": f"NOT ({is_whole})",
        "at": _seconds_before(now, f"n * {seconds_apart}"),
        "far_away": _seconds_before(now, "-10000 - n % 4000"),
        "payment_id": _uuid(f"{name}-payment"),
        "cancellation_id": _uuid(f"{name}-cancellation"),
        "payment_status": f"CASE WHEN {is_whole} THEN {_case(_WITHOUT_CANCELLATION)}"
        f" ELSE {_case({below: kind[0] for below, kind in _KINDS.items()})} END",
        "cancellation_status": _case({below: kind[1] for below, kind in _KINDS.items()}),
        "outcome": _case({below: kind[2] for below, kind in _KINDS.items()}),
    }


def _case(kinds: dict[int, str]) -> str:
    whens = (f"WHEN n % 100 < {below} THEN '{kind}'" for below, kind in kinds.items())
    return f"CASE {' '.join(whens)} END"


def _numbers(number: int) -> str:
    if connection.vendor == "postgresql":
        return f"generate_series(1, {number}) AS numbers(n)"
    return f"(SELECT CAST(seq AS signed) AS n FROM seq_1_to_{number}) AS numbers"


def _seconds_before(now: datetime, number: str) -> str:
    text = now.strftime("%Y-%m-%d %H:%M:%S")
    if connection.vendor == "postgresql":
        return f"timestamptz '{text}+00' - ({number}) * interval '1 second'"
    return f"timestamp '{text}' - interval ({number}) second"


def _uuid(name: str) -> str:
    # Shaped as version 4: MariaDB takes no other.
    digits = f"md5(concat('{name}', n))"
    text = (
        f"concat(substr({digits}, 1, 12), '4', substr({digits}, 14, 3), '8', substr({digits}, 18))"
    )
    return f"CAST({text} AS uuid)" if connection.vendor == "postgresql" else text
