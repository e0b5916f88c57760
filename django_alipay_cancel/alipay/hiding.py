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
    secrets = tuple(secrets)
    cores = [_core(secret) for secret in secrets]

    def hide(text: str) -> str:
        # Signatures are new for each call, and to spell one in every way takes longer than all else
        # of an answer: it is done where one may stand.
        where = text.casefold()
        if not any(core in where for core in cores):
            return text
        spelt = {spelling for secret in secrets for spelling in _spellings(secret)}
        return _pattern(spelt).sub(HIDDEN, text) if spelt else text

    return hide


def _core(secret: str) -> str:
    """Return the longest run of letters and digits that every spelling leaves, in small letters."""
    runs: list[str] = re.findall("[A-Za-z0-9]*", unquote(secret))
    return max((run for run in runs if run in secret), key=len).lower()


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
