"""The example shop's till: a code is shown, waited for, and what nobody pays is cancelled."""

from __future__ import annotations

import pytest

from tests.browser.looks import CHINESE, PLAIN, nightly

LOOKS = [CHINESE, *nightly(PLAIN)]
pytestmark = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.language)
SAYS = {
    "en": {
        "new": "New sale: 12.50 USD",
        "wait": "No result yet. Do not hand over the goods",
        "pays": "The buyer pays",
        "offline": "The buyer's phone loses the network",
        "paid": "Paid. Hand over the goods.",
        "cancelled": "Cancelled: no money is kept.",
    },
    "zh-hans": {
        "new": "新的一单：12.50 USD",
        "wait": "尚无结果。请勿交付商品",
        "pays": "买家付款",
        "offline": "买家的手机断网",
        "paid": "已付款。请交付商品。",
        "cancelled": "已取消，本单不收款。",
    },
}


@pytest.fixture
def till(shops, window, look):
    """The clerk's window on a new sale."""
    page = window(shops("till"), look)
    page.goto("/till/")
    page.locator("[name=username]").fill("clerk")
    page.locator("[name=password]").fill("clerk")
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/till/")
    page.get_by_role("button", name=SAYS[look.language]["new"]).click()
    page.wait_for_url("**/till/S-*/")
    return page


def test_the_page_changes_by_itself_when_the_buyer_pays(till, look):
    from playwright.sync_api import expect

    from tests.browser import accessibility, pictures

    says = SAYS[look.language]
    expect(till.get_by_role("status")).to_contain_text(says["wait"])
    assert accessibility.faults(till) == []
    pictures.take(till, "till-waiting", look.name)
    till.get_by_role("button", name=says["pays"]).click()
    expect(till.get_by_role("status")).to_contain_text(says["paid"])
    expect(till.get_by_role("button", name=says["pays"])).to_have_count(0)
    pictures.take(till, "till-paid", look.name)


def test_a_phone_that_loses_the_network_ends_in_a_cancellation_while_one_watches(till, look):
    from playwright.sync_api import expect

    from tests.browser import accessibility, pictures

    says = SAYS[look.language]
    till.get_by_role("button", name=says["offline"]).click()
    expect(till.get_by_role("button", name=says["pays"])).to_be_hidden()
    pictures.take(till, "till-offline", look.name)
    expect(till.get_by_role("status")).to_contain_text(says["cancelled"], timeout=60_000)
    assert accessibility.faults(till) == []
    pictures.take(till, "till-cancelled", look.name)
