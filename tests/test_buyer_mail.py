"""The example shop writes to its buyers: one mail for each end, in the buyer's language."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from django_alipay_cancel.testing import FakeAlipay, Fault

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parent.parent
BEGIN = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone, translation
from django_alipay_cancel import services, signals
from shop.models import Order
from shop.orders import place_order
call_command("migrate", verbosity=0)
buyer = User.objects.create_user("buyer", email="buyer@shop.example")
def order(number, language, buyer=buyer):
    with translation.override(language):
        return place_order(number, buyer=buyer, total=1250, paid_at=timezone.now())
"""


@pytest.fixture
def gateway():
    with FakeAlipay() as gateway:
        for number in range(1, 4):
            gateway.add_payment(payment_request_id=f"pay-M-{number}", amount_value=1250)
        yield gateway


@pytest.fixture
def mails(tmp_path, gateway):
    """Run a piece of the shop, and return the mails that left it."""
    settings_file = tmp_path / "alipay.json"
    settings_file.write_text(json.dumps({"MERCHANTS": {"default": gateway.merchant_settings()}}))
    directory = tmp_path / "mails"

    def run(script: str, **environment: str) -> list[EmailMessage]:
        subprocess.run(
            [sys.executable, "-W", "error", "-c", BEGIN + script],
            cwd=ROOT / "example_project",
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DJANGO_SETTINGS_MODULE": "shop.settings",
                "SHOP_ALIPAY_SETTINGS": str(settings_file),
                "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"),
                "SHOP_MAILS": str(directory),
                **environment,
            },
            timeout=60,
            check=True,
        )
        files = directory.glob("*.log") if directory.exists() else ()
        found = [mail for file in files for mail in _read(file)]
        return sorted(found, key=lambda mail: str(mail["subject"]))

    return run


def _read(file: Path) -> list[EmailMessage]:
    *mails, _end = re.split(rb"^-{79}\n", file.read_bytes(), flags=re.MULTILINE)
    policy = email.policy.default
    return [email.message_from_bytes(mail, policy=policy) for mail in mails]  # type: ignore[misc]


def test_each_buyer_reads_the_end_in_the_language_of_the_order(mails, gateway):
    gateway.misbehave(
        Fault.RESULT,
        api="cancel",
        calls=None,
        payment="pay-M-3",
        result_code="MERCHANT_BALANCE_NOT_ENOUGH",
    )
    english, refused, chinese = mails(
        "for number, language in (('M-1', 'en'), ('M-2', 'zh-hans'), ('M-3', 'en')):\n"
        "    services.cancel_payment(order(number, language).payment)\n"
    )
    assert english["to"] == "buyer@shop.example"
    assert english["from"] == "Tea shop <help@shop.example>"
    assert english["subject"] == "Your order M-1: about its payment"
    text = english.get_content()
    assert "12.50 USD" in text
    assert "Your payment is cancelled. All the money goes back the way it came." in text
    assert chinese["subject"] == "您的订单 M-2：关于付款"
    assert "款项将全额原路退回" in chinese.get_content()
    assert "could not be cancelled. Please contact the shop." in refused.get_content()
    assert "balance" not in refused.get_content()


def test_a_signal_that_comes_again_sends_no_second_mail(mails):
    told = mails(
        "wish = services.cancel_payment(order('M-1', 'en').payment)\n"
        "again = {'cancellation': wish, 'payment': wish.payment}\n"
        "signals.cancellation_succeeded.send(type(wish), **again)\n"
        "assert Order.objects.get().told == f'{wish.pk}:SUCCEEDED'\n"
    )
    assert len(told) == 1


def test_another_end_of_the_same_cancellation_is_another_mail(mails, gateway):
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=1, result_code="MERCHANT_BALANCE_NOT_ENOUGH"
    )
    told = mails(
        "wish = services.cancel_payment(order('M-1', 'en').payment)\n"
        "assert wish.status == 'REJECTED'\n"
        "one = wish.payment\n"
        "late = type(one)(pk=one.pk, status='CANCELLED', paid_at=one.paid_at)\n"
        "ended = type(wish)(pk=wish.pk, payment=late, status='SUCCEEDED')\n"
        "again = {'cancellation': ended, 'payment': late}\n"
        "signals.cancellation_succeeded.send(type(wish), **again)\n"
    )
    assert sum("is cancelled" in mail.get_content() for mail in told) == 1
    assert len(told) == 2


def test_without_an_address_there_is_no_mail_and_the_order_is_cancelled_all_the_same(mails):
    told = mails(
        "guest = User.objects.create_user('guest')\n"
        "services.cancel_payment(order('M-1', 'en', guest).payment)\n"
        "assert Order.objects.get().state == 'cancelled'\n"
    )
    assert told == []


def test_a_mail_that_cannot_be_sent_leaves_the_order_untold(mails):
    told = mails(
        "import logging; logging.disable(logging.CRITICAL)\n"
        "from unittest.mock import patch\n"
        "with patch('shop.notices.send_mail', side_effect=OSError):\n"
        "    wish = services.cancel_payment(order('M-1', 'en').payment)\n"
        "one = Order.objects.get()\n"
        "assert (wish.status, one.state, one.told) == ('SUCCEEDED', 'cancelled', '')\n"
    )
    assert told == []


def test_a_refund_ends_the_order_and_tells_the_buyer_that_the_money_comes_back(mails, gateway):
    gateway.payment("pay-M-1").paid_at = gateway.now - timedelta(days=3)
    (mail,) = mails("""
from django.conf import settings
settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}
order("M-1", "zh-hans")
payment = Order.objects.get().payment
assert services.cancel_payment(payment, or_refund=True).status == "REFUNDED"
ended = Order.objects.get()
assert (ended.state, ended.needs_attention) == (Order.State.CANCELLED, False), ended.state
""")
    assert "退款" in mail.get_content()
    assert (len(gateway.payment("pay-M-1").refunds), mail["To"]) == (1, "buyer@shop.example")
