"""The heads of columns: what people call them, and what they are. One table."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext

from django_alipay_cancel.files.problems import FileProblem

# Written as in docs/how-to/import-and-export.md; capitals, blanks, signs between words and what
# stands in brackets do not count.
NAMES: Mapping[str, tuple[str, ...]] = {
    "merchant": ("商户",),
    "payment_request_id": ("支付请求ID", "商户订单号", "out_trade_no"),
    "payment_id": ("支付ID", "支付宝交易号", "trade_no"),
    "reference": ("商城订单号", "订单号", "order_number", "order_no"),
    "amount": ("金额", "订单金额"),
    "amount_value": ("paymentAmount.value",),
    "amount_currency": ("currency", "paymentAmount.currency", "币种", "货币"),
    "customer": ("客户",),
    "authorized_at": ("授权时间",),
    "paid_at": ("paymentTime", "支付时间", "付款时间"),
    "failed_at": ("失败时间",),
}
# This app's own exports have these too; they say nothing that an import could record.
ONLY_EXPORTED = (
    "id",
    "status",
    "created_at",
    "cancelled_at",
    "checked_at",
    "checked_status",
    "last_cancellation_status",
    "last_cancellation_next_step",
    "payment__status",
    "next_step",
    "source",
    "requested_by_name",
    "reason",
    "next_attempt_at",
    "finished_at",
    "result_code",
    "error",
    "closed_by_name",
    "note",
)
_OF_PAYMENT = "payment__"
_NAMING = ("id", "merchant", "payment_request_id", "payment_id", "reference")
_BRACKETS = re.compile(r"[(\[].*?[)\]]")


def column(head: str) -> str | None:
    """Return what the column with this head is; None when nobody knows it."""
    return _KNOWN.get(_folded(head))


def is_head(cell: str) -> bool:
    """Whether this is the head of a column that says something of a payment."""
    return column(cell) in (*NAMES, "id")


def columns_of(heads: Sequence[str], by_hand: Sequence[str] = ()) -> dict[str, int]:
    """Return where each known column stands; blank heads count for nothing.

    `by_hand`: "ours=theirs"; then only these are read, and what else there is does not matter.
    Raises FileProblem for a head that nobody knows or that stands there twice.
    """
    places = _by_hand(heads, by_hand) if by_hand else _known(heads)
    if not places:
        raise FileProblem(
            gettext("There is no header line. Known columns are %(known)s.")
            % {"known": ", ".join(NAMES)}
        )
    return places


def names_of(heads: Sequence[str], by_hand: Sequence[str] = ()) -> dict[str, int]:
    """Return where the columns stand that name a payment; all others do not matter.

    In an export of cancellations the id is the cancellation's. Raises FileProblem.
    """
    if by_hand:
        given = _by_hand(heads, by_hand)
        return {name: place for name, place in given.items() if name in _NAMING}
    of_cancellations = any(head.strip().startswith(_OF_PAYMENT) for head in heads)
    places: dict[str, int] = {}
    for place, head in enumerate(heads):
        name = column(head)
        if name not in _NAMING or (name == "id" and of_cancellations):
            continue
        if name in places:
            raise _twice(name, heads, places[name], place)
        places[name] = place
    return places


def _known(heads: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    unknown = []
    for place, head in enumerate(heads):
        if not head.strip():
            continue
        name = column(head)
        if name is None:
            unknown.append(head)
        elif name in places:
            raise _twice(name, heads, places[name], place)
        else:
            places[name] = place
    if unknown:
        raise FileProblem(
            gettext(
                "Unknown columns: %(unknown)s. Known are %(known)s. Say what they are by hand with "
                "--columns ours=theirs ...; then no others are read."
            )
            % {"unknown": ", ".join(map(_with_nearest, unknown)), "known": ", ".join(NAMES)}
        )
    return places


def _by_hand(heads: Sequence[str], by_hand: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for pair in by_hand:
        ours, given, theirs = pair.partition("=")
        if not given or ours not in (*NAMES, "id"):
            raise FileProblem(
                gettext("--columns takes ours=theirs, not %(pair)r. Ours are %(known)s.")
                % {"pair": pair, "known": ", ".join(NAMES)}
            )
        found = [n for n, head in enumerate(heads) if _folded(head) == _folded(theirs)]
        if not found:
            raise FileProblem(
                gettext("There is no column %(theirs)r; there are %(heads)s.")
                % {"theirs": theirs, "heads": ", ".join(head.strip() for head in heads)}
            )
        if len(found) > 1:
            raise _twice(theirs, heads, *found[:2])
        if ours in places:
            raise _twice(ours, heads, places[ours], found[0])
        places[ours] = found[0]
    return places


def _twice(name: str, heads: Sequence[str], one: int, other: int) -> FileProblem:
    return FileProblem(
        gettext(
            "The column %(name)s is there twice: %(one)r (%(first)d) and %(other)r (%(second)d). "
            "Take one away, or say which it is with --columns."
        )
        % {
            "name": name,
            "one": heads[one].strip(),
            "first": one + 1,
            "other": heads[other].strip(),
            "second": other + 1,
        }
    )


def _with_nearest(head: str) -> str:
    near = difflib.get_close_matches(_folded(head), _KNOWN, n=1)
    if not near:
        return head.strip()
    return gettext("%(head)s (did you mean %(known)s?)") % {
        "head": head.strip(),
        "known": _KNOWN[near[0]],
    }


def _folded(head: str) -> str:
    text = unicodedata.normalize("NFKC", head).casefold()
    if text.startswith(_OF_PAYMENT):
        text = text if text == "payment__status" else text.removeprefix(_OF_PAYMENT)
    return "".join(filter(str.isalnum, _BRACKETS.sub("", text)))


_KNOWN = {_folded(name): name for name in (*NAMES, *ONLY_EXPORTED)} | {
    _folded(alias): name for name, aliases in NAMES.items() for alias in aliases
}
