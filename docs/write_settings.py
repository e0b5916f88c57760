"""Write the lists of docs/reference/settings.md from the table of settings.

With --check nothing is written; the exit status is 1 when the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "settings.md"


def page(text: str) -> str:
    """Return the page with what stands between its marks made anew."""
    sys.path.insert(0, str(ROOT))
    from django_alipay_cancel.known_settings import COMMON, MERCHANT

    for name, settings in (("COMMON", COMMON), ("MERCHANT", MERCHANT)):
        before, mark, rest = text.partition(f"<!-- {name} of known_settings.py -->\n\n")
        _, end, after = rest.partition("\n<!-- end -->\n")
        text = "".join((before, mark, _lines(settings), end, after))
    return text


def _lines(settings: Iterable[object]) -> str:
    return "".join(
        f"- `{setting.name}` ({_kind(setting)}): {setting.means}.\n"  # type: ignore[attr-defined]
        for setting in settings
    )


def _kind(setting: object) -> str:
    default = "required" if setting.required else f"default `{setting.default!r}`"  # type: ignore[attr-defined]
    return f"{default}, secret" if setting.secret else default  # type: ignore[attr-defined]


if __name__ == "__main__":
    written = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(written != page(written))
    PAGE.write_text(page(written), encoding="utf-8")
