"""Screenshots: a build output for whoever checks the pages, and the pictures of the docs."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent.parent
BUILT = ROOT / "build" / "screenshots"
SHOWN = ROOT / "docs" / "images"
# Which picture stands in the docs under which name.
IN_THE_DOCS = {
    "lost-answer-finished": "admin-payment",
    "cancel-many-confirm": "admin-confirm",
    "pages-payments": "admin-payments",
    "orders-outcomes": "shop-orders",
    "till-waiting": "till",
}


# CSS pixels: where a page is longer, the docs show its beginning.
SHOWN_HEIGHT = 1260


def take(page: Page, name: str, look_name: str = "", *, whole: bool = True) -> None:
    """Save a picture of the page, the `whole` of it or what the window shows.

    With WRITE_SCREENSHOTS=1 those of the docs are renewed too.
    """
    BUILT.mkdir(parents=True, exist_ok=True)
    path = BUILT / f"{'-'.join(filter(None, [name, look_name]))}.png"
    page.screenshot(path=path, full_page=whole, animations="disabled")
    if os.environ.get("WRITE_SCREENSHOTS") == "1" and path.stem in IN_THE_DOCS:
        SHOWN.mkdir(parents=True, exist_ok=True)
        top = {"x": 0, "y": 0, "width": 1200, "height": SHOWN_HEIGHT}
        page.screenshot(
            path=SHOWN / f"{IN_THE_DOCS[path.stem]}.png",
            full_page=whole,
            animations="disabled",
            clip=top if whole else None,
        )
