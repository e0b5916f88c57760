"""Rows as a shop has them after a year, made by PostgreSQL itself: a million payments in minutes.

One payment each half minute, so that more rows are a longer past. Three of ten have a cancellation,
each cancellation has an attempt and every third one a second. What a filter or search brings fills
a page at every size: the rare ones are as many in ten thousand rows as in a million.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.db import connection

# On every size: a page of these and a few more.
RARE = 125
BATCH = UUID("00000000-0000-4000-8000-000000000001")

_PAYMENTS = """
INSERT INTO django_alipay_cancel_payment (
    id, merchant, payment_request_id, payment_id, amount_value, amount_currency, reference,
    paid_at, authorized_at, failed_at, cancelled_at, checked_at, checked_status, status,
    created_at, updated_at
)
SELECT
    md5('payment' || n)::uuid,
    CASE WHEN n %% %(rare)s = 0 THEN 'rare' WHEN n %% 10 = 1 THEN 'tokyo' ELSE 'default' END,
    'request-' || n,
    '20261125' || lpad(n::text, 20, '0'),
    1000 + n %% 9000,
    CASE WHEN n %% 10 = 1 THEN 'JPY' ELSE 'USD' END,
    'order-' || n,
    CASE WHEN status IN ('SUCCESS', 'CANCELLED', 'CANCELLING') THEN created END,
    CASE WHEN status = 'AUTHORIZED' THEN created END,
    CASE WHEN status = 'FAIL' THEN created END,
    CASE WHEN status = 'CANCELLED' THEN created + interval '20 seconds' END,
    NULL, '', status, created, created
FROM (
    SELECT n, now() - (%(payments)s - n) * interval '30 seconds' AS created,
        CASE
            WHEN n %% 10 IN (3, 6, 9) THEN
                CASE
                    WHEN (n / 10) %% %(open)s IN (0, 1) THEN 'CANCELLING'
                    WHEN n %% 10 = 9 THEN 'SUCCESS'
                    ELSE 'CANCELLED'
                END
            WHEN n %% 10 = 2 THEN 'FAIL'
            WHEN n %% 10 = 4 THEN 'PROCESSING'
            WHEN n %% 10 = 5 THEN 'AUTHORIZED'
            ELSE 'SUCCESS'
        END AS status
    FROM generate_series(1, %(payments)s) AS n
) AS made
"""

_CANCELLATIONS = """
INSERT INTO django_alipay_cancel_cancellation (
    id, payment_id, open_for_id, requested_by_name, source, reason, batch, repeats,
    next_attempt_at, asked_at, asked_by_name, result_code, result_message, error, next_step,
    closed_by_name, note, status, created_at, finished_at,
    or_refund, means, refund_id, refund_currency
)
SELECT
    md5('cancellation' || n)::uuid,
    payment,
    CASE WHEN status IN ('PENDING', 'NEEDS_REVIEW') THEN payment END,
    'clerk',
    CASE
        WHEN (n / 10) %% %(open)s = 2 AND n %% 10 = 3 THEN 'no_result'
        WHEN n %% 10 = 6 THEN 'api'
        WHEN n %% 20 = 9 THEN 'code'
        ELSE 'admin'
    END,
    'The buyer asked for it',
    CASE WHEN n > %(payments)s - 10 * %(rare_count)s / 3 THEN %(batch)s::uuid END,
    0,
    CASE WHEN status = 'PENDING' THEN now() + interval '1 hour' END,
    created, '',
    CASE status WHEN 'SUCCEEDED' THEN 'SUCCESS' WHEN 'REJECTED' THEN 'CANCEL_WINDOW_EXCEED'
        WHEN 'NEEDS_REVIEW' THEN 'KEY_NOT_FOUND' ELSE '' END,
    '', '',
    CASE status
        WHEN 'SUCCEEDED' THEN 'NONE'
        WHEN 'PENDING' THEN 'WAIT'
        WHEN 'NEEDS_REVIEW' THEN 'FIX_CONFIGURATION'
        ELSE CASE
            WHEN (n / 10) %% %(open)s = 3 THEN 'TOP_UP_BALANCE'
            WHEN (n / 10) %% %(open)s = 4 THEN 'CONTACT_ALIPAY'
            ELSE 'REFUND'
        END
    END,
    '', '', status, created,
    CASE WHEN status IN ('SUCCEEDED', 'REJECTED') THEN created + interval '20 seconds' END,
    FALSE, 'cancel', '', ''
FROM (
    SELECT n, md5('payment' || n)::uuid AS payment,
        now() - (%(payments)s - n) * interval '30 seconds' + interval '10 seconds' AS created,
        CASE
            WHEN (n / 10) %% %(open)s = 0 THEN 'PENDING'
            WHEN (n / 10) %% %(open)s = 1 THEN 'NEEDS_REVIEW'
            WHEN n %% 10 = 9 THEN 'REJECTED'
            ELSE 'SUCCEEDED'
        END AS status
    FROM generate_series(1, %(payments)s) AS n
    WHERE n %% 10 IN (3, 6, 9)
) AS made
"""

_ATTEMPTS = """
INSERT INTO django_alipay_cancel_cancellationattempt (
    payment_id, cancellation_id, number, kind, client_id, sent_at, claim_until, finished_at,
    http_status, result_status, result_code, result_message, payment_status, error, request_body,
    response_body, trace_id, cause, detail, outcome, said, asked_by, asked_by_name,
    refund_status
)
SELECT
    md5('payment' || n)::uuid, md5('cancellation' || n)::uuid, number,
    CASE number WHEN 1 THEN 'cancel' ELSE 'inquiry' END, 'SANDBOX_5X00000000000000', sent,
    sent + interval '49 s', sent + interval '300 ms', 200, 'S', 'SUCCESS', '',
    CASE number WHEN 1 THEN '' ELSE 'CANCELLED' END, '',
    '{"paymentRequestId":"request-' || n || '"}', '{"result":{"resultStatus":"S"}}', '', '', '',
    'SUCCEEDED', CASE number WHEN 1 THEN 'YES' ELSE 'SHOWS_CANCELLED' END, 'schedule', '', ''
FROM (
    SELECT n, number,
        now() - (%(payments)s - n) * interval '30 seconds' + number * interval '5 seconds' AS sent
    FROM generate_series(1, %(payments)s) AS n, generate_series(1, 2) AS number
    WHERE (n %% 10 IN (3, 6, 9) AND number = 1) OR (n %% 10 = 3 AND number = 2)
) AS made
"""

_TABLES = (
    "django_alipay_cancel_cancellationattempt",
    "django_alipay_cancel_cancellation",
    "django_alipay_cancel_payment",
)


def make(payments: int) -> float:
    """Fill the empty tables with so many payments and what belongs to them; return the seconds.

    `filling` fills in less time what the worker's benchmarks need; this has what the admin's
    filters and searches tell apart.
    """
    started = time.monotonic()
    values = {
        "payments": payments,
        "rare": payments // RARE,
        # Three cancellations each: that many tens of payments lie between two rare ones.
        "open": 3 * payments // 10 // RARE,
        "rare_count": RARE,
        "batch": str(BATCH),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for statement in (_PAYMENTS, _CANCELLATIONS, _ATTEMPTS):
            cursor.execute(statement, values)
        for table in _TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    return time.monotonic() - started
