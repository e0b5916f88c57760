"""What a worker did, in numbers and in a sentence."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from django.utils.translation import gettext


@dataclass
class ProcessReport:
    """What one pass did: rows by their status afterwards, errors left to their lease, and more."""

    succeeded: int = 0
    rejected: int = 0
    refunded: int = 0
    needs_review: int = 0
    pending: int = 0
    errors: int = 0
    announced: int = 0
    abandoned: int = 0
    unresolved: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def processed(self) -> int:
        """How many due cancellations were worked on."""
        finished = self.succeeded + self.rejected + self.refunded
        return finished + self.needs_review + self.pending + self.errors

    def count(self, name: str) -> None:
        """Add one to the field `name`; several workers count into one report."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def __str__(self) -> str:
        text = gettext(
            "%(processed)d processed: %(succeeded)d succeeded, %(rejected)d rejected, "
            "%(needs_review)d need review, %(pending)d pending, %(errors)d errors."
        ) % {
            "processed": self.processed,
            "succeeded": self.succeeded,
            "rejected": self.rejected,
            "needs_review": self.needs_review,
            "pending": self.pending,
            "errors": self.errors,
        }
        if not self.refunded:
            return text
        refunded = gettext("Refunded instead: %(number)d.") % {"number": self.refunded}
        joint = gettext("%(sentence)s %(next_sentence)s")
        return joint % {"sentence": text, "next_sentence": refunded}
