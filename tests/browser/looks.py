"""How a person looks at a page: which theme, which language, with JavaScript or without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext


@dataclass(frozen=True)
class Look:
    """One way to look at the pages; `language` as in LANGUAGES, `width` in CSS pixels."""

    host: str = "plain"
    language: str = "en"
    javascript: bool = True
    width: int = 1200
    dark: bool = False

    @property
    def locale(self) -> str:
        """The browser's language."""
        return {"en": "en-GB", "zh-hans": "zh-CN"}[self.language]

    @property
    def name(self) -> str:
        """What tells the pictures of this look from others; "" for the usual one."""
        parts = [
            "" if self.host == "plain" else self.host,
            "" if self.language == "en" else "zh",
            "" if self.javascript else "without-javascript",
            "dark" if self.dark else "",
            "" if self.width == Look.width else f"{self.width}px",
        ]
        return "-".join(filter(None, parts))

    def say(self, text: str, **values: object) -> str:
        """Return what the page says for this English text, translated as far as it is."""
        with translation.override(self.language):
            return gettext(text) % values if values else gettext(text)

    def count(self, one: str, many: str, count: int) -> str:
        """Return what the page says for so many."""
        with translation.override(self.language):
            return ngettext(one, many, count) % {"count": count}


PLAIN = Look()
CHINESE = Look(language="zh-hans")
UNFOLD = Look(host="unfold")
UNFOLD_CHINESE = replace(UNFOLD, language="zh-hans")
WITHOUT_JAVASCRIPT = Look(javascript=False)


def nightly(*looks: Look) -> list[Any]:
    """Return these looks as parameters of the nightly run: each part of them is in another one."""
    return [pytest.param(look, marks=pytest.mark.nightly) for look in looks]


def dark(look: Look) -> Look:
    """Return the same look by night."""
    return replace(look, dark=True)


def narrow(look: Look) -> Look:
    """Return the same look on a telephone."""
    return replace(look, width=375)
