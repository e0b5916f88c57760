"""Signals of a cancellation, sent after commit, at least once: receivers must tolerate a repeat.

Receivers get `cancellation` (Cancellation) and `payment` (Payment). A receiver that raises is
logged by Django and stops neither the others nor the cancellation.
"""

from django.dispatch import Signal

cancellation_succeeded = Signal()
cancellation_rejected = Signal()
cancellation_needs_review = Signal()
