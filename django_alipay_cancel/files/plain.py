"""Text of others on a terminal: nothing in it moves the cursor, colours or hides."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return `text` with every character escaped that is not to be seen; line ends are kept."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
