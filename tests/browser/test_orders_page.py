"""The example shop's orders page: the buyer cancels, waits, and is told what became of it."""

from __future__ import annotations

import re

import pytest

from tests.browser.looks import CHINESE, PLAIN, Look, nightly

LOOKS = [PLAIN, *nightly(CHINESE)]
pytestmark = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.language)
SAYS = {
    "en": {
        "cancel": "Cancel payment {}",
        "question": "Cancel the payment of this order?",
        "back": "Back",
        "yes": "Yes, cancel the payment",
        "waiting": "Alipay has not told the result yet. Please do not pay again.",
        "later": "You do not have to wait: we keep asking Alipay and show the result here.",
        "SUCCEEDED": "Your payment is cancelled. All the money goes back the way it came.",
        "REFUND": "Please contact the shop if you want a refund.",
        "connection": "The connection broke. Reload the page to see",
        "refused": "That did not work. Reload the page and try again, or contact us.",
        "RELEASED": "Your payment is cancelled. The money that was held is released.",
        "CLOSED": "Your payment is cancelled. It can no longer be paid.",
        "cancelled": "cancelled",
        "open": "being cancelled",
        "paid": "paid",
    },
    "zh-hans": {
        "cancel": "取消支付 {}",
        "question": "要取消该订单的支付吗？",
        "back": "返回",
        "yes": "确认取消支付",
        "waiting": "支付宝尚未返回结果，请勿重复付款。",
        "later": "您不必等待：我们会继续查询，并在此页面显示结果。",
        "SUCCEEDED": "您的支付已取消，款项将全额原路退回。",
        "REFUND": "您的支付已无法取消。如需退款，请联系商城。",
        "connection": "连接已中断。请刷新页面，查看取消是否已受理。",
        "refused": "操作未成功。请刷新页面后重试，或联系我们。",
        "RELEASED": "您的支付已取消，冻结资金将解冻。",
        "CLOSED": "您的支付已关闭，无法再付款。",
        "cancelled": "已取消",
        "open": "取消中",
        "paid": "已付款",
    },
}


class Orders:
    """The orders page in a window."""

    def __init__(self, page, look: Look) -> None:
        self.page = page
        self.look = look
        self.says = SAYS[look.language]

    def open(self):
        self.page.goto("/orders/")
        return self

    def sign_in(self):
        self.page.locator("[name=username]").fill("buyer")
        self.page.locator("[name=password]").fill("buyer")
        self.page.locator("[name=password]").press("Enter")
        self.page.wait_for_url("**/orders/")

    def row(self, number):
        return self.page.get_by_role("row").filter(has=self.page.get_by_text(number, exact=True))

    def button(self, number):
        return self.page.get_by_role("button", name=self.says["cancel"].format(number))

    def told(self, number):
        return self.row(number).get_by_role("status")

    def dialog(self):
        return self.page.get_by_role("dialog", name=self.says["question"])

    def say_yes(self):
        self.dialog().get_by_role("button", name=self.says["yes"]).click()

    def cancel(self, number):
        self.button(number).click()
        self.say_yes()

    def picture(self, name, number):
        """Take a picture of what a buyer sees who has come to this order."""
        from tests.browser import pictures

        self.page.get_by_text(number, exact=True).first.scroll_into_view_if_needed()
        pictures.take(self.page, name, self.look.name, whole=False)


@pytest.fixture
def orders(shops, window, look):
    """The signed-in buyer's orders page; each order can be cancelled once per language."""
    orders = Orders(window(shops(look.language), look), look).open()
    orders.sign_in()
    return orders


@pytest.fixture
def expect():
    from playwright.sync_api import expect

    return expect


def test_the_buyer_is_asked_first_and_may_go_back(orders, expect):
    posts = []
    orders.page.on("request", lambda request: posts.append(request.method))
    orders.button("T-21").click()
    dialog = orders.dialog()
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("T-21")
    back = dialog.get_by_role("button", name=orders.says["back"])
    expect(back).to_be_focused()
    orders.picture("orders-question", "T-21")
    back.click()
    expect(dialog).to_be_hidden()
    expect(orders.button("T-21")).to_be_focused()
    orders.button("T-21").press("Enter")
    orders.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(orders.row("T-21")).to_contain_text(orders.says["paid"])
    assert "POST" not in posts


def test_a_success_is_told_and_the_order_is_cancelled(orders, expect):
    orders.cancel("T-21")
    expect(orders.told("T-21")).to_contain_text(orders.says["SUCCEEDED"])
    expect(orders.told("T-21")).to_be_focused()
    expect(orders.row("T-21").get_by_role("cell").nth(1)).to_have_text(orders.says["cancelled"])
    expect(orders.button("T-21")).to_have_count(0)
    orders.picture("orders-success", "T-21")
    orders.page.reload()
    expect(orders.row("T-21").get_by_role("cell").nth(1)).to_have_text(orders.says["cancelled"])
    expect(orders.button("T-21")).to_have_count(0)


def test_a_refusal_is_told_with_what_to_do_next(orders, expect):
    orders.cancel("T-26")
    expect(orders.told("T-26")).to_contain_text(orders.says["REFUND"])
    expect(orders.row("T-26").get_by_role("cell").nth(1)).to_have_text(orders.says["paid"])
    expect(orders.button("T-26")).to_be_hidden()
    orders.picture("orders-refused", "T-26")
    orders.page.reload()
    expect(orders.told("T-26")).to_contain_text(orders.says["REFUND"])


def test_an_unknown_result_shows_progress_until_it_is_a_success(orders, expect):
    orders.cancel("T-24")
    expect(orders.told("T-24")).to_contain_text(orders.says["waiting"])
    expect(orders.button("T-24")).to_be_hidden()
    expect(orders.told("T-24")).not_to_contain_text(orders.says["SUCCEEDED"])
    orders.picture("orders-waiting", "T-24")
    expect(orders.told("T-24")).to_contain_text(orders.says["SUCCEEDED"], timeout=40_000)
    expect(orders.row("T-24").get_by_role("cell").nth(1)).to_have_text(orders.says["cancelled"])


def test_without_an_answer_the_waiting_ends_with_a_promise(orders, expect):
    orders.page.clock.install()
    orders.cancel("T-27")
    expect(orders.told("T-27")).to_contain_text(orders.says["waiting"])
    orders.page.clock.fast_forward("01:05")
    expect(orders.told("T-27")).to_contain_text(orders.says["later"])
    orders.picture("orders-later", "T-27")
    asked = []
    orders.page.on("request", lambda request: asked.append(request.url))
    orders.page.clock.fast_forward("10:00")
    orders.page.wait_for_timeout(200)
    assert asked == [], "Whoever was told not to wait is not polled for."
    orders.page.reload()
    expect(orders.told("T-27")).to_contain_text(orders.says["waiting"])
    expect(orders.row("T-27").get_by_role("cell").nth(1)).to_contain_text(orders.says["open"])
    expect(orders.button("T-27")).to_have_count(0)


def test_a_broken_connection_is_told(orders, expect):
    orders.page.route("**/cancellations/", lambda route: route.abort())
    orders.cancel("T-07")
    expect(orders.told("T-07")).to_contain_text(orders.says["connection"])
    orders.picture("orders-connection", "T-07")


def test_an_error_of_the_site_is_told(orders, expect):
    orders.page.route("**/cancellations/", lambda route: route.fulfill(status=500, body="<h1>"))
    orders.cancel("T-07")
    expect(orders.told("T-07")).to_contain_text(orders.says["refused"])
    expect(orders.button("T-07")).to_be_visible()
    orders.picture("orders-error", "T-07")


def test_an_expired_sign_in_leads_to_the_sign_in_page_and_back(orders, expect):
    orders.page.context.clear_cookies(name="sessionid")
    orders.cancel("T-06")
    orders.page.wait_for_url(re.compile(r"/login/\?next=%2Forders%2F$"))
    orders.sign_in()
    expect(orders.button("T-06")).to_be_visible()


def test_each_of_several_orders_tells_its_own_outcome(orders, expect):
    for number in ("T-25", "T-26", "T-22"):
        orders.cancel(number)
    expect(orders.told("T-22")).to_contain_text(orders.says["RELEASED"])
    expect(orders.told("T-25")).to_contain_text(orders.says["waiting"])
    expect(orders.told("T-26")).to_contain_text(orders.says["REFUND"])
    orders.picture("orders-outcomes", "T-27")


def test_the_page_can_be_used_by_keyboard_alone(orders, expect):
    orders.button("T-23").focus()
    orders.page.keyboard.press("Enter")
    orders.page.keyboard.press("Tab")
    expect(orders.dialog().get_by_role("button", name=orders.says["yes"])).to_be_focused()
    orders.page.keyboard.press("Enter")
    expect(orders.told("T-23")).to_contain_text(orders.says["CLOSED"])
    expect(orders.told("T-23")).to_be_focused()
