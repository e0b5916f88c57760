"""axe-core: what keeps people from using a page."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.requirements import axe_source

GRAVE = ("serious", "critical")


def faults(page: Page, where: dict[str, list[list[str]]] | None = None) -> list[str]:
    """Return the serious and critical faults of the page, or of a part: axe's include, exclude."""
    page.evaluate(axe_source())
    found = page.evaluate(
        "where => axe.run(where || document, {resultTypes: ['violations']})", where
    )
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]} "
        + " ".join(node["failureSummary"].split())
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
