"""JSON that can be read in one way only."""

import json
import re
from typing import Any, NoReturn

MAXIMUM_NESTING = 32
MAXIMUM_NUMBER_LENGTH = 64

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # also unterminated: linear on any text
_BRACKET = re.compile(r"[\[\]{}]")


def parse(body: bytes) -> Any:
    """Parse ``body`` so that no second reader of the same bytes can see another document.

    UTF-8, no repeated names, no NaN or Infinity, nested and long within reason; numbers come back
    as text. Raises ValueError.
    """
    text = body.decode("utf-8")
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAXIMUM_NESTING:
            raise ValueError("nested too deeply")
    return json.loads(
        text,
        object_pairs_hook=unique_names,
        parse_int=_number,
        parse_float=_number,
        parse_constant=refuse_constant,
    )


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs, for `json`; ValueError when a name is repeated."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is repeated")
    return document


def _number(text: str) -> str:
    # Kept as text: numbers are never computed with, and 1e999 would become infinite.
    if len(text) > MAXIMUM_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return text


def refuse_constant(constant: str) -> NoReturn:
    """Raise ValueError, for `json`: NaN and Infinity are not in the standard."""
    raise ValueError(f"{constant} is no JSON")
