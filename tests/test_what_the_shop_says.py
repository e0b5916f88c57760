"""The example shop's own pages, to buyers and at the till, claim no more than their rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.api.test_sentences_for_buyers import OWN_AFFAIRS
from tests.claims import LANGUAGES, NOT_CHINESE, OPEN, claims, rows
from tests.shop_site import EXAMPLE, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.once]

EVERY = 7
# What the till says beside what `tests.claims` knows, by language.
TILL = {
    "Hand over the goods": {"en": "Hand over the goods", "zh-hans": "请交付商品"},
    "no money is kept": {"en": "no money is kept", "zh-hans": "本单不收款"},
    "pay anew": {"en": "can pay anew", "zh-hans": "可以重新付款"},
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """What `tests.shop_pages` has read, by language and page."""
    place = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.shop_pages", str(EVERY)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PYTHONPATH": os.pathsep.join([str(EXAMPLE), str(ROOT)]),
            "SHOP_DATABASE": str(place),
            "SHOP_LOG_LEVEL": "ERROR",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shown(pages, language, page, *, least):
    """The rows, at least so many, each with what the page says of it."""
    known = list(rows())
    texts = pages[language][page]
    assert len(texts) >= least
    return [(known[int(number)], text) for number, text in texts.items()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_buyers_read_on_their_orders_what_becomes_of_their_money(pages, language):
    for row, text in shown(pages, language, "orders", least=500):
        said = claims(text, language)
        assert all(row.allows(claim) for claim in said), (text, row.wish.payment.status)
        assert not OWN_AFFAIRS.search(text), text
        if row.wish.status in OPEN:
            assert {"unknown", "do not pay again"} <= said, text
        if language != "en":
            assert not NOT_CHINESE.search(text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_cashier_is_told_what_to_do_by_the_payments_status(pages, language):
    for row, text in shown(pages, language, "till", least=15):
        status = row.wish.payment.status
        said = claims(text, language)
        assert all(row.allows(claim) for claim in said), (text, status)
        told = {name for name, by in TILL.items() if re.search(by[language], text)}
        over = {"no money is kept", "pay anew"}
        assert told == {
            "SUCCESS": {"Hand over the goods"},
            "AUTHORIZED": {"Hand over the goods"},
            "CANCELLED": over,
            "REFUNDED": over,
            "FAIL": {"pay anew"},
        }.get(status, set()), (text, status)
        if status in ("CANCELLING", "REFUNDING"):
            assert "unknown" in said, text
        if language != "en":
            assert not NOT_CHINESE.search(text), text
