"""What the browser complains of while it shows pages."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

_REPORT = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `Policy violated: ${event.violatedDirective} by ${event.blockedURI} ` +
  `at ${event.sourceFile}:${event.lineNumber}`
));
"""


class Complaints:
    """Violations of the policy, errors of scripts, and requests to another host."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.texts: list[str] = []
        self._site = site
        context.add_init_script(_REPORT)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.texts.append(f"Script: {error.error}"))
        context.on("request", lambda request: self._address(request.url))

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Policy violated" in message.text:
            self.texts.append(f"{page_address(message.page)}: {message.text}")

    def _address(self, url: str) -> None:
        if not url.startswith((self._site, "data:")):
            self.texts.append(f"A request left the host: {url}")


def page_address(page: Page | None) -> str:
    """Return where a message comes from."""
    return page.url if page else "?"
