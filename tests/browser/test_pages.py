"""Every page of ours, whoever looks: accessible, on a telephone, under a strict policy."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from django_alipay_cancel import services
from django_alipay_cancel.services.batches import NOT_FOUND, GivenLine, record_batch
from django_alipay_cancel.testing import Fault
from tests.browser.looks import (
    CHINESE,
    PLAIN,
    UNFOLD,
    WITHOUT_JAVASCRIPT,
    dark,
    narrow,
    nightly,
)

# Each theme by day and by night, and on a telephone.
LOOKS = [
    *(dark(PLAIN), dark(UNFOLD), narrow(UNFOLD), narrow(CHINESE)),
    *nightly(PLAIN, UNFOLD, narrow(PLAIN)),
]


def look_name(look):
    return look.name or "plain"


@pytest.fixture
def world(pay, in_review, gateway):
    """Payments and cancellations in all states; return the address of each page of ours."""
    fresh, other = pay("1001", status="PROCESSING"), pay("1002", amount=250_000)
    reviewed, also_reviewed = in_review("1003"), in_review("1007")
    unknown = pay("1004")
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel")
    services.cancel_payment(unknown, reason="out of stock")
    rejected = pay("1005")
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(rejected)
    services.cancel_payment(pay("1006", status="AUTHORIZED"))
    batch, told = uuid4(), [unknown, rejected, fresh]
    lines = [GivenLine(payment.reference, payment.pk) for payment in told]
    record_batch(batch, [*lines, GivenLine("“1999”", None, NOT_FOUND)], reason="out of stock")
    return {
        "sheet": f"cancellation/batch/{batch}/",
        "payments": "payment/",
        "payment": f"payment/{unknown.pk}/change/",
        "payment-rejected": f"payment/{rejected.pk}/change/",
        "payment-fresh": f"payment/{fresh.pk}/change/",
        "confirm-one": f"payment/cancel/?payments={fresh.pk.hex}",
        "confirm-many": f"payment/cancel/?payments={fresh.pk.hex}.{other.pk.hex}.{unknown.pk.hex}",
        "cancellations": "cancellation/",
        "cancellation": f"cancellation/{reviewed.pk}/change/",
        "close": f"cancellation/{reviewed.pk}/close/",
        "close-many": f"cancellation/close/?cancellations={reviewed.pk.hex}.{also_reviewed.pk.hex}",
    }


# What the hosts' own templates draw, there on every page of theirs.
FRAME = {
    "plain": {"exclude": [["#header"], [".breadcrumbs"], ["#changelist-search"]]},
    "unfold": {"include": [["#content"]], "exclude": [["#changelist-search"]]},
}


@pytest.mark.parametrize("look", LOOKS, ids=look_name)
def test_nothing_on_our_admin_pages_keeps_people_out(staff, world, look):
    from tests.browser.accessibility import faults

    pages = staff("operator")
    found = []
    for name, address in world.items():
        assert pages.open(address).status == 200
        if look == PLAIN and name == "payments":
            # The docs show the list with all its columns.
            pages.page.get_by_label("Toggle navigation").click()
        pages.picture(f"pages-{name}")
        found += [f"{name}: {fault}" for fault in faults(pages.page, FRAME[look.host])]
        found += [f"{name}: does not fit: {part}" for part in too_wide(pages.page)]
    assert not found, "\n".join(found)


def too_wide(page):
    """What has to be scrolled sideways together with the page, or is cut off."""
    return page.evaluate("""
        () => [document.documentElement, ...document.querySelectorAll("body *")]
          .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 1)
          .filter((part) => part.localName === "html"
            || (part.closest("#content, main") && getComputedStyle(part).overflowX === "hidden"
                && !getComputedStyle(part).textOverflow.includes("ellipsis")))
          .map((part) => part.outerHTML.slice(0, 200))
    """)


@pytest.mark.parametrize("look", [PLAIN], ids=look_name)
def test_our_admin_pages_carry_no_script_and_no_style_of_their_own(staff, world):
    """Whatever policy a theme needs for itself, ours need none."""
    pages = staff("operator")
    for address in world.values():
        pages.open(address)
        inline = pages.page.locator(
            ".alipay-page style, .alipay-page script, .alipay-page [style], .alipay-page [onclick]"
        )
        assert inline.count() == 0


HIDDEN_UNTIL_SCRIPTS_RAN = """
    const hidden = new CSSStyleSheet();
    hidden.replaceSync("html { display: none }");
    document.adoptedStyleSheets = [hidden];
    document.addEventListener("DOMContentLoaded", () => document.adoptedStyleSheets = []);
"""


def test_what_is_wrong_gets_the_focus_on_a_page_that_a_theme_hides_at_first(staff, in_review):
    pages = staff("clerk")
    pages.open(f"cancellation/{in_review('1001').pk}/close/")
    pages.page.add_init_script(HIDDEN_UNTIL_SCRIPTS_RAN)
    # The whole page is there, still hidden, while one of its scripts is on its way.
    pages.page.route("**/nav_sidebar.js", lambda route: (time.sleep(0.5), route.continue_()))
    pages.button("Close by hand").click()
    expect(pages.page.get_by_role("alert")).to_be_focused()


def test_what_breaks_the_policy_is_noticed(chromium):
    from tests.browser.listening import Complaints
    from tests.browser.policy import STRICT

    context = chromium.new_context()
    complaints = Complaints(context, "http://site.test")
    headers = {"Content-Security-Policy": STRICT, "Content-Type": "text/html"}
    body = "<style>p { color: red }</style><p onclick='alert()'>a</p><img src='http://other.test/'>"
    context.route("**", lambda route: route.fulfill(status=200, headers=headers, body=body))
    page = context.new_page()
    page.goto("http://site.test/")
    told = "\n".join(complaints.texts)
    context.close()
    assert "style" in told and "img" in told and "script" in told


@pytest.mark.parametrize("look", [CHINESE, narrow(PLAIN), *nightly(PLAIN)], ids=look_name)
def test_nothing_on_the_orders_page_keeps_people_out(shops, window, look):
    from tests.browser.accessibility import faults
    from tests.browser.pictures import take

    page = window(shops("en"), look)
    page.goto("/orders/")
    take(page, "pages-shop-sign-in", look.name)
    found = faults(page)
    page.locator("[name=username]").fill("buyer")
    page.locator("[name=password]").fill("buyer")
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/orders/")
    found += faults(page)
    found += [f"does not fit: {part}" for part in too_wide(page)]
    page.get_by_role("button", name="T-06").click()
    found += faults(page)
    take(page, "pages-orders", look.name, whole=False)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", [WITHOUT_JAVASCRIPT], ids=look_name)
def test_without_javascript_the_orders_page_says_what_to_do(shops, window, look):
    from playwright.sync_api import expect

    page = window(shops("en"), look)
    page.goto("/orders/")
    page.locator("[name=username]").fill("buyer")
    page.locator("[name=password]").fill("buyer")
    page.locator("[name=password]").press("Enter")
    expect(page.get_by_role("link", name="help@shop.example")).to_be_visible()
    expect(page.get_by_role("button", name="T-06")).to_have_count(0)
