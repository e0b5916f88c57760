"""What a selection adds up to: how many can be cancelled, their money, and why not the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django_alipay_cancel.models import Payment
from django_alipay_cancel.money import format_amount


@dataclass
class Totals:
    """What was added up so far; `left_out` counts payments by the sentence why not."""

    count: int = 0
    without_amount: int = 0
    amounts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, payment: Payment, why_not: str) -> None:
        """Count one payment more; `why_not` is "" when it can be cancelled."""
        if why_not:
            self.left_out[why_not] += 1
            return
        self.count += 1
        if payment.amount_value is None:
            self.without_amount += 1
        else:
            self.amounts[payment.amount_currency] += payment.amount_value

    @property
    def sums(self) -> list[str]:
        """The money in each currency, for people."""
        return [format_amount(self.amounts[each], each) for each in sorted(self.amounts)]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why payments are left out, the most frequent reason first."""
        return self.left_out.most_common()
