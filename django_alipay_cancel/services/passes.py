"""One pass over one wish: lock, append, judge, do. The only room that holds a client.

Whoever comes in, a click, the worker, a late answer, check now or a notification, goes through
here: evidence is appended, the whole history is judged, and what the verdict says is done. No
transaction is open and no lock is held during a call; whatever the network, the gateway or this
process does in between, the rows say what is known, and an unknown result falls due again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.exceptions import ends_the_task
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import attempts, finish, gateways, hearing, schedule
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.calling import call
from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.services.evidence import history_of
from django_alipay_cancel.services.history import AskedBy, Word
from django_alipay_cancel.services.transactions import commit, is_about_text
from django_alipay_cancel.services.turning import turned
from django_alipay_cancel.services.verdict import verdict

logger = logging.getLogger(__name__)

Kind = CancellationAttempt.Kind
_BUDGETS: dict[str, str] = {Kind.CANCEL: "cancels", Kind.REFUND: "refunds"}
# So often an answer of one wish may fail to be stored before less of it is.
_STORING_FAILS = 3


@dataclass
class Pass:
    """What one pass works on, and what it may still do.

    `token` is its claim, None when it holds none: then it may finish the wish and ask, and leaves
    the schedule alone. `just_claimed`: by the transaction that judges. `cancels`, `refunds` and
    `inquiries` (of payment or refund) are how many calls of each it may make.
    """

    payment: Payment
    client: AlipayClient | None
    cancellation: Cancellation | None = None
    token: datetime | None = None
    cancels: int = 0
    inquiries: int = 0
    refunds: int = 0
    asked_by: AskedBy = AskedBy.SCHEDULE
    person_name: str = ""
    just_claimed: bool = False
    _claimed_at: datetime | None = None
    _seen: int | None = None
    _shown: Answer | None = None

    def run(
        self, begin: Callable[[Pass], CancellationAttempt | None]
    ) -> CancellationAttempt | None:
        """Go on from the attempt that `begin` commits until there is no further call to make.

        Returns the last attempt, if a call was made. Raises InsideTransaction before any call.
        """
        last, attempt = None, self._commit(lambda: begin(self))
        while attempt is not None:
            assert self.client is not None  # a pass that calls has one
            last, answer = attempt, call(attempt, self.client)
            attempt = self.keep(attempt, answer)
            # Last: what it tells about the gateway is worth nothing beside the answer itself.
            gateways.heard(self.payment.merchant, answer)
        if self.cancellation is not None:
            announce(self.cancellation)
        return last

    def judge(self) -> CancellationAttempt | None:
        """Judge the history and do what the verdict says; return the attempt of a call to make.

        The caller holds the payment's lock and commits.
        """
        now = timezone.now()
        if self._seen is None:
            self._seen = attempts.newest(self.payment)
            if self._is_untouched():
                return self.open(Kind.CANCEL, AskedBy.SCHEDULE, first=True)
            if self.token is not None and not self.just_claimed:
                # It was read before the lock: finished since, it must not speak for a new wish.
                self._read_again()
            self._claimed_at = now if self.token is not None else None
        cancellation = self._judged()
        history = history_of(
            self.payment, cancellation, claimed_at=self._claimed_at, seen=self._seen
        )
        if any(call.is_to_be_abandoned(now) for call in history.calls):
            attempts.abandon(self.payment, now)
        policy = schedule.policy()
        if cancellation is not None:
            cancellation.repeats = len(Case(history, now, policy).uses)
        return self._do(cancellation, verdict(history, now, policy), now)

    def open(
        self,
        kind: str,
        by: AskedBy,
        *,
        about: UUID | None = None,
        first_body: str = "",
        first: bool = False,
    ) -> CancellationAttempt | None:
        """Write the OPEN attempt of a call that is about to be made, and renew the claim.

        Runs inside the transaction that commits it. None: the claim is lost, somebody else goes on.
        `about` is the key of an earlier wish when the call is about its refund; `first`: the
        payment is known to have no attempt.
        """
        if self.token is not None and not self.just_claimed:
            assert self.cancellation is not None  # only a cancellation can be claimed
            if not schedule.claim(self.cancellation, *finish.RESULT, "repeats"):
                self._lose()
                return None
            self.token = self.cancellation.next_attempt_at
        self.just_claimed = False
        if self._seen is None:
            self._seen = attempts.newest(self.payment)
        assert self.client is not None  # a pass that may call has one
        vars(self)[_BUDGETS.get(kind, "inquiries")] -= 1
        wishes = Cancellation.objects.using(self.payment.database)
        wish = wishes.get(pk=about) if about else self.cancellation
        return attempts.create(
            self.payment,
            wish,
            self.client,
            kind,
            claim_until=self.token or schedule.lease(),
            asked_by=by,
            asked_by_name=self.person_name,
            first_body=first_body,
            first=first,
        )

    def _is_untouched(self) -> bool:
        """Whether nothing was ever said or sent: then there is no history to read."""
        wish = self.cancellation
        return (
            not self._seen
            and self.token is not None
            and wish is not None
            and self.cancels > 0
            and wish.status == Cancellation.Status.PENDING
            and wish.source != Cancellation.Source.NO_RESULT
            and not self.payment.failed_at
        )

    def _judged(self) -> Cancellation | None:
        """Return the wish to judge: the open one of the payment, whoever's answer came; else ours.

        None: the payment says CANCELLING and no cancellation of it is open.
        """
        if self.cancellation is not None and self.cancellation.is_open:
            return self.cancellation
        if self.payment.status not in Payment.IN_CHANGE:
            return self.cancellation
        rows = Cancellation.objects.using(self.payment.database).filter(open_for=self.payment)
        opened: Cancellation | None = rows.first()
        if opened is not None:
            opened.payment = self.payment
            self.cancellation = opened
        return opened

    def _do(
        self, judged: Cancellation | None, found: Verdict, now: datetime
    ) -> CancellationAttempt | None:
        if found.act in (Act.CANCELLED, Act.UNPAID, Act.REJECT, Act.REFUNDED):
            finish.write(self.payment, judged, found)
            if found.act is Act.CANCELLED:
                attempts.prove(self.payment)
            return None
        cancellation = self.cancellation
        if self.token is None or cancellation is None or not cancellation.is_open:
            return None
        if found.act is Act.REVIEW:
            finish.review(cancellation, found, token=self.token)
            return None
        due_now = found.at is None or found.at <= now
        in_review = cancellation.status == Cancellation.Status.NEEDS_REVIEW
        by = AskedBy.REVIEW if in_review else AskedBy.SCHEDULE
        if found.act is Act.ASK and due_now and self.inquiries > 0:
            return self.open(Kind.INQUIRY, by)
        if found.act is Act.CANCEL and due_now and self.cancels > 0:
            return self.open(Kind.CANCEL, by)
        if found.act is Act.ASK_REFUND and due_now and self.inquiries > 0:
            return self.open(Kind.REFUND_INQUIRY, by, about=found.about)
        if found.act is Act.REFUND and due_now and self.refunds > 0:
            body = turned(self.payment, cancellation, self._shown, self.token)
            return self.open(Kind.REFUND, by, first_body=body)
        self._release(cancellation, found.at)
        return None

    def _release(self, cancellation: Cancellation, until: datetime | None) -> None:
        schedule.due_at(cancellation, until)
        fields = (*finish.RESULT, *schedule.DUE, "repeats")
        if not cancellation.store(*fields, **schedule.held(self.token)):
            self._lose()
        self.token = None

    def _lose(self) -> None:
        assert self.cancellation is not None
        self.cancellation.refresh_from_db()
        self.token = None

    def keep(self, attempt: CancellationAttempt, answer: Answer) -> CancellationAttempt | None:
        """Store what was said; after three answers of this wish that could not be, less of it."""
        until = attempt.claim_until
        try:
            return self._commit(lambda: self._store(attempt, answer), attempt, until=until)
        except Exception as error:  # a row that cannot be stored must end
            if ends_the_task(error):
                raise
            if is_about_text(error):
                less = answer.escaped()
            elif attempts.not_stored(attempt) + 1 >= _STORING_FAILS:
                less = answer.bare()
            else:
                raise  # it is left to its lease
            logger.exception(
                "The answer to attempt %s cannot be stored; less of it is.", attempt.pk
            )
        for row in (*self._rows(), attempt):
            row.refresh_from_db()
        try:
            return self._commit(lambda: self._store(attempt, less), attempt, until=until)
        except Exception as error:  # whatever it is, a person has to look
            if ends_the_task(error):
                raise
            logger.exception("The answer to attempt %s cannot be stored.", attempt.pk)
        self._commit(self._review_not_stored)
        return None

    def _store(self, attempt: CancellationAttempt, answer: Answer) -> CancellationAttempt | None:
        word = hearing.word_of(attempt, answer)
        if word is Word.YES:
            finish.succeed(
                self.payment,
                self.cancellation,
                code=answer.result_code,
                message=answer.result_message,
                cancel_time=answer.cancel_time,
            )
            attempts.record_answer(attempt, answer, word)
            return None
        finish.lock(self.payment)
        self._read_again()
        hearing.store(attempt, answer, word, self.payment)
        self._shown = answer if attempt.kind == Kind.INQUIRY else None
        if attempt.kind in CancellationAttempt.ACTING and self.token is not None:
            assert self.cancellation is not None  # the token is its claim
            attempts.show_answer(self.cancellation, answer)
        return self.judge()

    def _read_again(self) -> None:
        if self.cancellation is None:
            return
        self.cancellation.refresh_from_db()
        self.cancellation.payment = self.payment
        if self.cancellation.next_attempt_at != self.token:
            # Finished or taken over meanwhile: what was said is stored all the same.
            self.token = None

    def _review_not_stored(self) -> None:
        if self.cancellation is None:
            return
        finish.lock(self.payment)
        self._read_again()
        finish.review_ours(self.cancellation, Because.NOT_STORED, token=None, error="not_stored")

    def _commit(
        self,
        write: Callable[[], CancellationAttempt | None],
        *rows: CancellationAttempt,
        until: datetime | None = None,
    ) -> CancellationAttempt | None:
        """Commit `write`; a try that the database threw out has left nothing behind here either."""
        before = dict(vars(self))

        def once() -> CancellationAttempt | None:
            vars(self).update(before)
            return write()

        return commit(once, *self._rows(), *rows, until=until)

    def _rows(self) -> tuple[Any, ...]:
        return (self.payment,) if self.cancellation is None else (self.cancellation, self.payment)
