"""Our own secrets in what comes back: some servers and proxies repeat the request they refuse."""

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, unquote

HIDDEN = "[hidden]"
# Anything shorter stands in texts by chance.
_SHORTEST = 8


def hiding(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces these secrets in a text, as they are or escaped."""
    spelt = {spelling for secret in secrets for spelling in _spellings(secret)}
    if not spelt:
        return str
    folded = [spelling.casefold() for spelling in spelt]

    def hide(text: str) -> str:
        # The pattern is new for each call, as signatures are, and making it takes longer than all
        # else of an answer: it is made where there is something to hide.
        where = text.casefold()
        found = any(spelling in where for spelling in folded)
        return _pattern(spelt).sub(HIDDEN, text) if found else text

    return hide


def _pattern(spelt: Iterable[str]) -> re.Pattern[str]:
    # The longest first: of a whole header nothing is to be left, not even its names.
    longest_first = sorted(spelt, key=lambda text: (-len(text), text))
    # Percent-encoding is spelt in either case.
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def _spellings(secret: str) -> Iterator[str]:
    for plain in {secret, unquote(secret)}:
        if len(plain) < _SHORTEST:
            continue
        yield plain
        yield quote(plain, safe="")
        yield html.escape(plain)
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain)[1:-1].replace("/", "\\/")
