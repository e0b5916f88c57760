"""Amounts for people: Alipay's minor units written as money."""

from __future__ import annotations

from decimal import Decimal

# ISO 4217: the currencies whose minor unit is not a hundredth.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"


def format_amount(value: int | None, currency: str) -> str:
    """Return `value` (minor units) as money with its currency, e.g. "1,234.50 USD", "1,200 JPY"."""
    return "" if value is None else f"{major_units(value, currency):,} {currency}"


def major_units(value: int, currency: str) -> Decimal:
    """Return `value` (minor units) in the currency's main unit, with its decimals."""
    decimals = 2
    if currency in _NO_DECIMALS.split():
        decimals = 0
    elif currency in _THREE_DECIMALS.split():
        decimals = 3
    return Decimal(f"{value}E-{decimals}")
