"""The admin as a person sees it: found by roles and visible text, whatever theme it wears."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Locator, Page, Response, expect

from django_alipay_cancel.models import Payment
from tests.browser import pictures
from tests.browser.looks import Look

ADMIN = "/admin/django_alipay_cancel/"


class AdminPages:
    """A window on the admin."""

    def __init__(self, page: Page, look: Look) -> None:
        self.page = page
        self.look = look

    def take_session_of(self, user: User) -> None:
        """Be signed in, without the sign-in page."""
        client = Client()
        client.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        self.page.context.add_cookies(
            [
                {
                    "name": name,
                    "value": client.cookies[name].value,
                    "domain": "127.0.0.1",
                    "path": "/",
                }
            ]
        )

    def forget_session(self) -> None:
        """Be signed out as a session ends: without being told."""
        self.page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    def sign_in(self, name: str) -> None:
        """Fill in the sign-in page."""
        self.page.locator("[name=username]").fill(name)
        self.page.locator("[name=password]").fill(name)
        self.page.locator("[name=password]").press("Enter")
        self.page.wait_for_url(lambda url: "/login/" not in url)

    def open(self, path: str) -> Response:
        """Go to an address below the app's admin."""
        response = self.page.goto(ADMIN + path)
        assert response is not None
        return response

    def open_row(self, row: object) -> Response:
        """Go to the page of a payment or a cancellation."""
        return self.open(f"{row._meta.model_name}/{row.pk}/change/")  # type: ignore[attr-defined]

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("link", name=self.look.say(text), exact=True)

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=self.look.say(text), exact=True)

    def reads(self, text: str) -> None:
        """Expect that the page says this English text, in the language of the look."""
        expect(self.page.locator("body")).to_contain_text(self.look.say(text))

    def beside_the_window(self) -> list[str]:
        """Return what of our part of the page one would have to scroll sideways to."""
        parts: list[str] = self.page.evaluate("""
            () => [...document.querySelectorAll(".alipay-page *")]
              .filter((part) => part.getBoundingClientRect().right > window.innerWidth + 1
                || (part.matches(".alipay-wide") && part.scrollWidth > part.clientWidth + 1))
              .filter((part) => !part.closest("thead"))
              .map((part) => part.outerHTML.slice(0, 120))
        """)
        return parts

    def picture(self, name: str) -> None:
        pictures.take(self.page, name, self.look.name)

    def button_counted(self, one: str, many: str, count: int) -> Locator:
        """Return the button whose text counts the payments."""
        text = self.look.count(one, many, count)
        return self.page.get_by_role("button", name=text, exact=True)

    def choose(self, payment: Payment) -> None:
        """Tick the payment's row in the list."""
        row = self.page.get_by_role("row").filter(has_text=payment.reference)
        row.get_by_role("checkbox").check()

    def run_action(self, text: str) -> None:
        """Carry out an action of the list on what is chosen."""
        self.page.locator("select[name=action]").select_option(label=self.look.say(text))
        self.page.get_by_title(self.look.say("Run the selected action")).click()

    def message(self, text: str, about: str = "") -> None:
        """Expect a message above the page, naming the payment it is `about`."""
        told = self.page.get_by_role("listitem").filter(has_text=text)
        expect(told.filter(has_text=about).first).to_be_visible()
