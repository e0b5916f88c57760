"""django-fsm's own signals: other people's code cannot undo what is stored."""

from __future__ import annotations

import pytest
from django.db import connection
from django_fsm.signals import post_transition, pre_transition

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listen():
    """Connect receivers to both of django-fsm's signals for as long as the test lasts."""
    connected = []

    def connect(receiver):
        for signal in (pre_transition, post_transition):
            signal.connect(receiver)
            connected.append((signal, receiver))

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


def test_a_receiver_that_raises_at_each_transition_stops_nothing(gateway, pay, listen):
    def veto(sender, **kwargs):
        raise RuntimeError("no")

    listen(veto)
    payment = pay()
    services.cancel_payment(payment)
    assert rows(payment)["payment"] == "CANCELLED"
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]


def test_a_receiver_that_breaks_the_connection_s_transaction_aborts_none_of_ours(
    gateway, pay, listen
):
    def wrong_statement(sender, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    listen(wrong_statement)
    payment = pay()
    services.cancel_payment(payment)
    assert rows(payment)["payment"] == "CANCELLED"


def test_they_are_sent_after_the_commit_with_what_django_fsm_says(gateway, pay, listen):
    told = []

    def note(sender, instance, name, source, target, signal, **kwargs):
        assert not connection.in_atomic_block
        told.append((sender, signal is pre_transition, name, str(source), str(target)))

    payment = pay()
    listen(note)
    services.cancel_payment(payment)
    assert told == [
        (model, is_pre, *transition)
        for model, *transition in (
            (Payment, "begin_cancellation", "SUCCESS", "CANCELLING"),
            (Payment, "confirm_cancellation", "CANCELLING", "CANCELLED"),
            (Cancellation, "succeed", "PENDING", "SUCCEEDED"),
            (CancellationAttempt, "succeed", "OPEN", "SUCCEEDED"),
        )
        for is_pre in (True, False)
    ]
