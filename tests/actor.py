"""Another process that uses the app, and dies where it is told to; see `start_actor`.

The order has `alipay_cancel` (the setting), `do` ("cancel" or "process"), `payment` (an id),
`start_at` (Unix time), `workers`, `kill_at` (a name of `places`). What came of it is told.
"""

from __future__ import annotations

import os
import signal
import time
import traceback

import django


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def stand_still(*args, **kwargs):
    """Stop as a paused machine does, and go on when somebody says so."""
    os.kill(os.getpid(), signal.SIGSTOP)


def pause_before(owner, name):
    """Stand still before `owner.name` is called, and then call it."""

    def arm():
        original = getattr(owner, name)

        def pause_and_call(*args, **kwargs):
            stand_still()
            return original(*args, **kwargs)

        setattr(owner, name, pause_and_call)

    return arm


def kill_before(owner, name):
    """Die instead of calling `owner.name`."""
    return lambda: setattr(owner, name, die)


def kill_after(owner, name):
    """Die as soon as `owner.name` has returned."""

    def arm():
        original = getattr(owner, name)

        def call_and_die(*args, **kwargs):
            original(*args, **kwargs)
            die()

        setattr(owner, name, call_and_die)

    return arm


def places():
    """The named places at which this process can be killed."""
    from django_alipay_cancel import signals
    from django_alipay_cancel.alipay import client, connection
    from django_alipay_cancel.services import attempts, passes

    return {
        "before_commit_1": kill_after(attempts, "create"),
        "after_commit_1": kill_before(client.AlipayClient, "cancel"),
        "paused_after_commit_1": pause_before(client.AlipayClient, "cancel"),
        "paused_after_connecting": pause_before(connection._LimitedConnection, "send"),
        "after_connecting": kill_after(connection._LimitedConnection, "connect"),
        "after_sending": kill_before(connection._LimitedConnection, "getresponse"),
        "while_reading": kill_after(connection._LimitedReader, "readinto"),
        "before_commit_2": kill_after(attempts, "record_answer"),
        "after_commit_2": kill_before(passes, "announce"),
        "before_the_signal": kill_before(passes, "announce"),
        "after_the_signal": lambda: [
            getattr(signals, name).connect(die)
            for name in (
                "cancellation_succeeded",
                "cancellation_rejected",
                "cancellation_needs_review",
            )
        ],
    }


def act(order, told):
    """Carry out the order and tell what came of it, or why nothing did: (result, trace)."""
    try:
        told.send((_result(order), ""))
    except BaseException:
        told.send((None, traceback.format_exc()))
        raise


def _result(order):
    from django.conf import settings

    settings.ALIPAY_CANCEL = order["alipay_cancel"]
    django.setup()
    from django_alipay_cancel import services
    from django_alipay_cancel.models import Payment

    if order.get("kill_at"):
        places()[order["kill_at"]]()
    payment = order.get("payment") and Payment.objects.get(pk=order["payment"])
    time.sleep(max(order.get("start_at", 0) - time.time(), 0))
    if order["do"] == "cancel":
        cancellation = services.cancel_payment(payment)
        return {"cancellation": str(cancellation.pk), "status": cancellation.status}
    report = services.process_due_cancellations(workers=order.get("workers", 1))
    return {"processed": report.processed, "errors": report.errors}
