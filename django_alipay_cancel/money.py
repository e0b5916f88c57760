"""Amounts: Alipay's minor units, and the money that people write."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

# ISO 4217: the currencies whose minor unit is not a hundredth.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"


def format_amount(value: int | None, currency: str) -> str:
    """Return `value` (minor units) as money with its currency, e.g. "1,234.50 USD", "1,200 JPY"."""
    return "" if value is None else f"{major_units(value, currency):,} {currency}"


def major_units(value: int, currency: str) -> Decimal:
    """Return `value` (minor units) in the currency's main unit, with its decimals."""
    return Decimal(f"{value}E-{_decimals(currency)}")


def minor_units(amount: Decimal, currency: str) -> int:
    """Return `amount` (main units, e.g. Decimal("12.50")) in the minor units of `currency`.

    ISO 4217: 1250 for 12.50 USD, 1250 for 1250 JPY, 12500 for 12.5 KWD. Nothing is rounded: raises
    ValidationError naming `amount` for a float, a negative amount, and more decimals than the
    currency has.
    """
    if not isinstance(amount, (Decimal, int)) or isinstance(amount, bool):
        raise ValidationError(
            {
                "amount": gettext("amount must be a Decimal, not %(type)s: floats round.")
                % {"type": type(amount).__name__}
            }
        )
    decimals = _decimals(currency)
    sign, digits, exponent = Decimal(amount).as_tuple()
    if not isinstance(exponent, int) or sign:
        raise ValidationError(
            {
                "amount": gettext("amount must be a number, at least 0, not %(amount)s.")
                % {"amount": amount}
            }
        )
    value = int("".join(map(str, digits)))
    lost = 10 ** max(-decimals - exponent, 0)
    if value % lost:
        raise ValidationError(
            {
                "amount": gettext(
                    "%(currency)s has %(decimals)d decimals; the amount %(amount)s has more."
                )
                % {"currency": currency, "decimals": decimals, "amount": amount}
            }
        )
    return int(value // lost * 10 ** max(exponent + decimals, 0))


def _decimals(currency: str) -> int:
    if currency in _NO_DECIMALS.split():
        return 0
    return 3 if currency in _THREE_DECIMALS.split() else 2
