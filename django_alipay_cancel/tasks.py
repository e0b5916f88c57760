"""Celery tasks, for shops that have Celery: a message carries an id, the row decides.

Duplicate, late and lost messages are harmless; what a lost one leaves is found by the sweep. No
Celery retry is used: the row is the schedule. Import this module only where Celery is installed.
"""

from __future__ import annotations

from celery import shared_task

from django_alipay_cancel import services


@shared_task(name="django_alipay_cancel.attempt_cancellation", acks_late=True, ignore_result=True)
def attempt_cancellation(cancellation_id: str) -> str:
    """Work on one cancellation if it is due; enqueue it after the commit (`delay_on_commit`)."""
    return services.process_cancellation(cancellation_id)


@shared_task(name="django_alipay_cancel.sweep", acks_late=True, ignore_result=True)
def sweep(limit: int | None = 1000) -> str:
    """Make one pass over what is due; a beat entry every few seconds keeps the schedule."""
    return str(services.process_due_cancellations(limit=limit))
