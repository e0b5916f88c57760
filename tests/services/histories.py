"""The specification of the verdict: one history a row, what was said in and what is done out.

A history is written as words in a row; `+n` lets n seconds pass, and what follows is asked or sent
then. `now` is when the last of it has happened, or `+n` after that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django_alipay_cancel.services.decision import Verdict
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    Fact,
    FactKind,
    History,
    Policy,
    Wish,
    WishState,
    Word,
)
from django_alipay_cancel.services.verdict import verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy(
    delays=[timedelta(seconds=each) for each in (2, 5, 15, 30)],
    quiet=timedelta(seconds=60),
    fresh=timedelta(seconds=23),
)
LEASE = timedelta(seconds=49)
FACTS = {"paid": (FactKind.PAID, True), "failed": (FactKind.FAILED, True)}
FACTS |= {"shop says paid": (FactKind.PAID, False), "authorized": (FactKind.AUTHORIZED, True)}
FACTS |= {"shop says failed": (FactKind.FAILED, False), "captured": (FactKind.CAPTURED, True)}


@dataclass(frozen=True)
class Row:
    """One history; `then` is act, because and next step; `at` in seconds after now, None: none."""

    story: str
    said: tuple[str | int, ...]
    then: tuple[str, str, str]
    at: int | None = None
    state: WishState = WishState.PENDING
    no_result: bool = False
    facts: tuple[str, ...] = ()
    claimed: bool = False
    seen: int | None = None
    extra: dict = field(default_factory=dict)

    def verdict(self) -> tuple[Verdict, datetime]:
        history, now = self.history()
        return verdict(history, now, POLICY), now

    def history(self) -> tuple[History, datetime]:
        now, calls, facts = START, [], []
        for told in self.facts:
            facts.append(_fact(told, START))
        for said in self.said:
            if isinstance(said, int):
                now += timedelta(seconds=said)
            elif said in FACTS:
                facts.append(_fact(said, now))
            else:
                calls.append(self.call(said, now))
        wish = Wish(
            key=1,
            state=self.state,
            no_result=self.no_result,
            asked_at=START,
            due=now if self.claimed else None,
            seen=(len(calls) if self.claimed else 0) if self.seen is None else self.seen,
        )
        return History(wish=wish, calls=calls, facts=facts, **self.extra), now

    def call(self, said: str, now: datetime) -> Call:
        return call_of(said, now)


def _fact(told: str, at: datetime) -> Fact:
    kind, signed = FACTS[told]
    return Fact(kind, at, signed)


def call_of(said: str, now: datetime) -> Call:
    """`F CODE`, `ask: WORD`, `check: WORD` (a person), `open`, or a cancel's word.

    `for n` after it: its answer came n seconds later. `signed at n`: Alipay's own time of it.
    """
    said, _, signed = said.partition(" signed at ")
    said, _, lasted = said.partition(" for ")
    head, _, rest = said.partition(" ")
    call = Call(
        cancels=not head.endswith(":"),
        wish=None if head == "sweep:" else 0 if head == "earlier" else 1,
        opened_at=now,
        claim_until=now + LEASE,
        answered_at=now + timedelta(seconds=int(lasted or 0)),
        said=Word.REFUSED,
        code=rest,
        response_time=START + timedelta(seconds=int(signed)) if signed else None,
    )
    changes = {
        "F": {},
        "open": {"said": None, "answered_at": None, "code": ""},
    }
    if head == "earlier":
        return replace(call, said=Word(rest), code="")
    by = {"check:": AskedBy.PERSON, "review:": AskedBy.REVIEW, "sweep:": AskedBy.SWEEP}
    if head in changes:
        return replace(call, **changes[head])
    if rest == "open":
        return replace(
            call, said=None, answered_at=None, code="", by=by.get(head, AskedBy.SCHEDULE)
        )
    word = Word(rest if head.endswith(":") else head)
    code = "ORDER_NOT_EXIST" if word is Word.UNKNOWN_PAYMENT else ""
    error = "unsigned" if word is Word.MISCONFIGURED else ""
    return replace(call, said=word, code=code, error=error, by=by.get(head, AskedBy.SCHEDULE))


REVIEW = WishState.IN_REVIEW
HISTORIES = (
    Row("nothing was sent yet", (), ("cancel", "repeat", "WAIT"), 0),
    Row("S with our ids", ("YES",), ("cancelled", "cancelled", "NONE")),
    Row("a late S after a rejection", ("F CANCEL_WINDOW_EXCEED", "YES"),
        ("cancelled", "cancelled", "NONE"), state=WishState.OVER),
    Row("a finished wish", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("wait", "nothing_to_do", "NONE"), state=WishState.OVER),
    Row("no answer", ("NO_WORD",), ("cancel", "repeat", "WAIT"), 2),
    Row("no answer twice: asked before it is repeated", ("NO_WORD", 2, "NO_WORD"),
        ("ask", "repeat", "WAIT"), 5),
    Row("... and a person's check gets none either: it uses no delay",
        ("NO_WORD", "check: NO_WORD", "NO_WORD"), ("ask", "repeat", "WAIT"), 5),
    Row("... or is not answered yet", ("NO_WORD", "check: open", "NO_WORD"),
        ("ask", "repeat", "WAIT"), 5),
    Row("... and the inquiry gets none either: it uses no delay",
        ("NO_WORD", "NO_WORD", "ask: SHOWS_TAKEN", "ask: NO_WORD"),
        ("cancel", "repeat", "WAIT"), 5),
    Row("... and the inquiry cannot be sent: it moves no time",
        ("NO_WORD", 2, "NO_WORD", 5, "ask: NOTHING_SENT"), ("cancel", "repeat", "WAIT"), 0),
    Row("... and a cancel is shown under way: that uses a delay",
        ("NO_WORD", "NO_WORD", "ask: SHOWS_CANCELLING"), ("ask", "under_way", "WAIT"), 15),
    Row("... and then nothing is shown: that uses one too",
        ("NO_WORD", "NO_WORD", "ask: SHOWS_CANCELLING", "ask: NO_WORD"),
        ("cancel", "repeat", "WAIT"), 30),
    Row("no answer twice to an earlier wish: this one has all its delays",
        ("earlier NO_WORD", "earlier NO_WORD", 70, "NO_WORD"), ("cancel", "repeat", "WAIT"), 2),
    Row("no answer after an inquiry that came first", ("ask: SHOWS_TAKEN", "NO_WORD"),
        ("cancel", "repeat", "WAIT"), 2),
    Row("no answer, and the sweep asks in between", ("NO_WORD", "sweep: SHOWS_UNPAID"),
        ("cancel", "repeat", "WAIT"), 2),
    Row("... and the inquiry shows it as paid", ("NO_WORD", 2, "NO_WORD", 5, "ask: SHOWS_TAKEN"),
        ("cancel", "repeat", "WAIT"), 0, claimed=True, seen=2),
    Row("... and the inquiry shows it as cancelled", ("NO_WORD", 2, "ask: SHOWS_CANCELLED"),
        ("cancelled", "cancelled", "NONE")),
    Row("F", ("F CANCEL_WINDOW_EXCEED",), ("ask", "ask_about_answer", "WAIT"), 0),
    Row("F, and the inquiry agrees: paid", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("reject", "refused", "REFUND")),
    Row("... authorized", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("reject", "refused", "RELEASE_OR_CAPTURE"), facts=("authorized",)),
    Row("... authorized, and paid since then", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("reject", "refused", "REFUND"), facts=("authorized", "paid")),
    Row("... authorized, and captured", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("reject", "refused", "REFUND"), facts=("authorized", "captured")),
    Row("... and a later check is not answered yet",
        ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN", "check: open"),
        ("reject", "refused", "REFUND")),
    Row("... not paid", ("F PAYMENT_METHOD_NOT_SUPPORTED", "ask: SHOWS_UNPAID"),
        ("reject", "refused", "CHECK_ORDER_STATUS")),
    Row("... a refund is listed", ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("reject", "refused", "CHECK_REFUNDS"), extra={"refund_listed": True}),
    Row("F that hides a cancelled payment", ("F ORDER_IS_CANCELED", "ask: SHOWS_CANCELLED"),
        ("cancelled", "cancelled", "NONE")),
    Row("F, and the inquiry gets no answer", ("F SYSTEM_ERROR", "ask: NO_WORD"),
        ("ask", "refusal_undecided", "WAIT"), 2),
    Row("... five times", ("F SYSTEM_ERROR", *("ask: NO_WORD",) * 5),
        ("review", "refusal_undecided", "CONTACT_ALIPAY")),
    Row("F, and the inquiry shows a cancel under way", ("F PROCESS_FAIL", "ask: SHOWS_CANCELLING"),
        ("ask", "under_way", "WAIT"), 2),
    Row("... five times", ("F PROCESS_FAIL", *("ask: SHOWS_CANCELLING",) * 5),
        ("review", "under_way", "CONTACT_ALIPAY")),
    Row("F, and the inquiry is refused for our settings",
        ("F CANCEL_WINDOW_EXCEED", "ask: MISCONFIGURED"),
        ("review", "inquiry_misconfigured", "CHECK_ORDER_STATUS")),
    Row("F after a lost cancel: an inquiry sooner than the quiet period says nothing against it",
        ("NO_WORD", 3, "F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("ask", "refusal_undecided", "WAIT"), 57),
    Row("... and after the quiet period it does",
        ("NO_WORD", 3, "F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN", 57, "ask: SHOWS_TAKEN"),
        ("reject", "refused", "REFUND")),
    Row("... the same for a lost cancel of an earlier wish",
        ("earlier NO_WORD", 3, "F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN"),
        ("ask", "refusal_undecided", "WAIT"), 57),
    Row("F after an inquiry that was made while the cancel was: asked anew",
        ("F CANCEL_WINDOW_EXCEED for 10", 5, "check: SHOWS_TAKEN", 5),
        ("ask", "ask_about_answer", "WAIT"), 0, claimed=True),
    Row("... or while a cancel of an earlier wish was, answered later",
        ("earlier REFUSED for 10", 1, "F CANCEL_WINDOW_EXCEED", 1, "check: SHOWS_TAKEN", 8),
        ("ask", "ask_about_answer", "WAIT"), 0, claimed=True),
    Row("... or while a person's check has no answer yet",
        ("F CANCEL_WINDOW_EXCEED", "check: open", 1), ("ask", "ask_about_answer", "WAIT"), 0,
        claimed=True),
    Row("... or in the moment in which another wish sent a cancel",
        ("F CANCEL_WINDOW_EXCEED", "earlier REFUSED for 10", "check: SHOWS_TAKEN", 11),
        ("ask", "ask_about_answer", "WAIT"), 0, claimed=True),
    Row("F, and an old answer to an inquiry is played: older than what Alipay had signed already",
        ("F CANCEL_WINDOW_EXCEED signed at 100", "ask: SHOWS_TAKEN signed at 39"),
        ("ask", "refusal_undecided", "WAIT"), 2),
    Row("... older by no more than Alipay's own clocks may differ",
        ("F CANCEL_WINDOW_EXCEED signed at 100", "ask: SHOWS_TAKEN signed at 40"),
        ("reject", "refused", "REFUND")),
    Row("... older than one of several that came before",
        ("NOTHING_SENT", "F PROCESS_FAIL signed at 100", "ask: SHOWS_TAKEN signed at 39"),
        ("ask", "refusal_undecided", "WAIT"), 2),
    Row("... of Alipay's own times one alone is known",
        ("F CANCEL_WINDOW_EXCEED", "ask: SHOWS_TAKEN signed at 39"),
        ("reject", "refused", "REFUND")),
    Row("... that it is cancelled stays true, however old",
        ("F CANCEL_WINDOW_EXCEED signed at 100", "ask: SHOWS_CANCELLED signed at 1"),
        ("cancelled", "cancelled", "NONE")),
    Row("F while another process is sending", ("open", 1, "F PROCESS_FAIL", "ask: SHOWS_TAKEN"),
        ("wait", "calling", "WAIT"), 48),
    Row("the claim of an open cancel has just ended", ("open", 49),
        ("cancel", "repeat", "WAIT"), 2),
    Row("S without ids", ("S_UNBOUND",), ("ask", "ask_about_answer", "WAIT"), 0),
    Row("S without ids, and it is paid", ("S_UNBOUND", "ask: SHOWS_TAKEN"),
        ("cancel", "repeat", "WAIT"), 2),
    Row("S without ids, and the repeat could not be sent", ("S_UNBOUND", "NOTHING_SENT"),
        ("ask", "ask_about_answer", "WAIT"), 0),
    Row("another payment's ids", ("MIXED",), ("review", "trouble", "CONTACT_ALIPAY")),
    Row("our request is refused", ("MISCONFIGURED",), ("review", "trouble", "FIX_CONFIGURATION")),
    Row("throttled", ("THROTTLED",), ("cancel", "repeat", "WAIT"), 2),
    Row("ORDER_NOT_EXIST: the cancel may have overtaken the pay", ("UNKNOWN_PAYMENT",),
        ("cancel", "repeat", "WAIT"), 2),
    Row("... four times", ("UNKNOWN_PAYMENT",) * 4, ("ask", "unknown_payment", "WAIT"), 0),
    Row("... and the inquiry does not know it either",
        (*("UNKNOWN_PAYMENT",) * 4, "ask: UNKNOWN_PAYMENT"),
        ("reject", "unknown_payment", "CHECK_PAYMENT_ID")),
    Row("... sooner than the quiet period after a lost cancel",
        ("NO_WORD", 3, *("UNKNOWN_PAYMENT",) * 4, "ask: UNKNOWN_PAYMENT"),
        ("ask", "unknown_payment", "WAIT"), 57),
    Row("... but the pay has arrived", (*("UNKNOWN_PAYMENT",) * 4, "ask: SHOWS_TAKEN"),
        ("cancel", "repeat", "WAIT"), 30),
    Row("... or a notification had come before", ("paid", *("UNKNOWN_PAYMENT",) * 4),
        ("ask", "repeat", "WAIT"), 30),
    Row("... of a payment that the shop had as paid", ("UNKNOWN_PAYMENT",),
        ("ask", "unknown_payment", "WAIT"), 0, facts=("shop says paid",)),
    Row("... that the shop recorded as paid after the cancel",
        ("UNKNOWN_PAYMENT", 1, "shop says paid"), ("cancel", "repeat", "WAIT"), 1),
    Row("... that the shop had as failed", ("UNKNOWN_PAYMENT",), ("cancel", "repeat", "WAIT"), 2,
        facts=("shop says failed",)),
    Row("... after cancels without an answer: those say nothing of it",
        ("NO_WORD", "NO_WORD", "NO_WORD", "UNKNOWN_PAYMENT"), ("ask", "repeat", "WAIT"), 30),
    Row("... four times, and the inquiry gets no answer until the delays are used up",
        (*("UNKNOWN_PAYMENT",) * 4, "ask: NO_WORD"),
        ("review", "unknown_payment", "CHECK_PAYMENT_ID")),
    Row("... of one that the shop had as paid, and the next cancel gets no answer",
        ("UNKNOWN_PAYMENT", "NO_WORD", "ask: NO_WORD"), ("cancel", "repeat", "WAIT"), 5,
        facts=("shop says paid",)),
    Row("... and the inquiry does not know it either", ("UNKNOWN_PAYMENT", "ask: UNKNOWN_PAYMENT"),
        ("reject", "unknown_payment", "CHECK_PAYMENT_ID"), facts=("shop says paid",)),
    Row("nothing could be sent", ("NOTHING_SENT",), ("cancel", "repeat", "WAIT"), 2),
    Row("... twice after a cancel without an answer: delays of its own, each longer",
        ("NO_WORD", 2, "NOTHING_SENT", 5, "NOTHING_SENT"), ("cancel", "repeat", "WAIT"), 15),
    Row("... and then it could, without an answer", ("NOTHING_SENT", 2, "NO_WORD"),
        ("cancel", "repeat", "WAIT"), 2),
    Row("... by another wish: that moves no time of this one", ("earlier NOTHING_SENT", 5),
        ("cancel", "repeat", "WAIT"), -5),
    Row("... for a day", ("NOTHING_SENT", 86400, "NOTHING_SENT"),
        ("review", "nothing_sent", "CONTACT_ALIPAY")),
    Row("... for a day after a cancel without an answer",
        ("NO_WORD", 2, "NOTHING_SENT", 86400, "NOTHING_SENT"),
        ("review", "nothing_sent", "CONTACT_ALIPAY")),
    Row("the delays are used up", ("NO_WORD",) * 5, ("ask", "delays_used_up", "WAIT"), 0),
    Row("... and the inquiry says paid", (*("NO_WORD",) * 5, "ask: SHOWS_TAKEN"),
        ("review", "delays_used_up", "CONTACT_ALIPAY")),
    Row("... with an F in hand: its next step goes first",
        ("F CANCEL_WINDOW_EXCEED", *("NO_WORD",) * 5, "ask: SHOWS_TAKEN"),
        ("review", "delays_used_up", "REFUND")),
    Row("the payment had failed", ("F ORDER_STATUS_INVALID", "ask: SHOWS_FAILED"),
        ("unpaid", "unpaid", "NONE")),
    Row("a signed failure message", ("NO_WORD", "failed"), ("unpaid", "unpaid", "NONE")),
    Row("a failure after a signed success", ("NO_WORD", "paid", 1, "failed"),
        ("review", "failed_after_paid", "CONTACT_ALIPAY")),
    Row("... at the same moment", ("NO_WORD", "paid", "failed"),
        ("review", "failed_after_paid", "CONTACT_ALIPAY")),
    Row("... before anything was asked or sent", ("paid", 1, "failed"),
        ("review", "failed_after_paid", "CONTACT_ALIPAY")),
    Row("... and only inquiries were made: the last one says what is asked of the merchant",
        ("ask: NO_WORD", "ask: NO_WORD", "ask: MISCONFIGURED", "paid", 1, "failed"),
        ("review", "failed_after_paid", "FIX_CONFIGURATION")),
    Row("... of a wish that is in review already", ("MIXED", "paid", 1, "failed"),
        ("ask", "in_review", "WAIT"), 0, state=REVIEW, claimed=True),
    Row("an inquiry shows it as paid, and a later one as failed",
        ("NO_WORD", "ask: SHOWS_TAKEN", 1, "ask: SHOWS_FAILED"),
        ("review", "failed_after_paid", "CONTACT_ALIPAY")),
    Row("... an authorization that was released: no money was ever taken",
        ("NO_WORD", "ask: SHOWS_TAKEN", 1, "ask: SHOWS_FAILED"), ("unpaid", "unpaid", "NONE"),
        facts=("authorized",)),
    Row("an inquiry shows it as failed, and a signed success comes later",
        ("NO_WORD", "ask: SHOWS_FAILED", 1, "paid"), ("cancel", "repeat", "WAIT"), 1),
    Row("a success after a signed failure", ("failed", 1, "paid", "NO_WORD"),
        ("cancel", "repeat", "WAIT"), 2),
    Row("no result: just shown as unpaid", ("sweep: SHOWS_UNPAID", 1), ("cancel", "repeat", "WAIT"),
        0, no_result=True, claimed=True),
    Row("no result: never asked", (), ("ask", "repeat", "WAIT"), 0, no_result=True, claimed=True),
    Row("no result: the sweep got no answer", ("sweep: NO_WORD",), ("ask", "repeat", "WAIT"), 0,
        no_result=True, claimed=True),
    Row("no result: shown as unpaid a call's limit and ten seconds ago",
        ("sweep: SHOWS_UNPAID", 23), ("cancel", "repeat", "WAIT"), 0, no_result=True, claimed=True),
    Row("... a second longer ago", ("sweep: SHOWS_UNPAID", 24), ("ask", "repeat", "WAIT"), 0,
        no_result=True, claimed=True),
    Row("no result: shown as unpaid again before the repeat, which uses no delay",
        ("sweep: SHOWS_UNPAID", "NO_WORD", 2, "ask: SHOWS_UNPAID"), ("cancel", "repeat", "WAIT"), 0,
        no_result=True, claimed=True, seen=2),
    Row("no result: the cancel is lost", ("sweep: SHOWS_UNPAID", "NO_WORD"),
        ("ask", "repeat", "WAIT"), 2, no_result=True),
    Row("... and is due: what was shown before that cancel allows no other",
        ("sweep: SHOWS_UNPAID", "NO_WORD", 2), ("ask", "repeat", "WAIT"), 0, no_result=True,
        claimed=True),
    Row("... and the buyer pays: never cancelled by the app itself",
        ("sweep: SHOWS_UNPAID", "NO_WORD", 1, "paid"), ("ask", "paid_meanwhile", "WAIT"), 59,
        no_result=True),
    Row("... and is kept once nothing can take effect any more",
        ("sweep: SHOWS_UNPAID", "NO_WORD", 1, "paid", 60, "ask: SHOWS_TAKEN"),
        ("reject", "paid_meanwhile", "NONE"), no_result=True),
    Row("no result, and ORDER_NOT_EXIST is played to the inquiry",
        ("sweep: SHOWS_UNPAID", "NO_WORD", 2, "ask: UNKNOWN_PAYMENT"),
        ("ask", "repeat", "WAIT"), 5, no_result=True),
    Row("in review", ("MIXED",), ("ask", "in_review", "WAIT"), 0, state=REVIEW, claimed=True),
    Row("in review, asked by the hour, not cancelled: one cancel more",
        ("MIXED", 3600, "review: SHOWS_TAKEN"), ("cancel", "in_review", "WAIT"), 0,
        state=REVIEW, claimed=True, seen=1),
    Row("... of the app's own wish: when it is shown as unpaid",
        ("MIXED", 3600, "review: SHOWS_UNPAID"),
        ("cancel", "in_review", "WAIT"), 0, state=REVIEW, claimed=True, seen=1, no_result=True),
    Row("... but not when the buyer's payment is told in the same moment",
        ("MIXED", 5, "review: SHOWS_UNPAID", "paid"), ("ask", "in_review", "WAIT"), 3600,
        state=REVIEW, claimed=True, seen=1, no_result=True),
    Row("... with an F in hand it is rejected instead",
        ("F CANCEL_WINDOW_EXCEED", 3600, "review: SHOWS_TAKEN"), ("reject", "refused", "REFUND"),
        state=REVIEW, claimed=True, seen=1),
    Row("in review, and a person checks: not cancelled", ("MIXED", 61, "check: SHOWS_TAKEN"),
        ("reject", "checked_by_person", "CHECK_ORDER_STATUS"), state=REVIEW),
    Row("... sooner than the quiet period", ("MIXED", 5, "check: SHOWS_TAKEN"),
        ("ask", "in_review", "WAIT"), 0, state=REVIEW, claimed=True),
    Row("in review for three days", ("MIXED", *("review: NO_WORD",) * 72),
        ("wait", "in_review", "WAIT"), state=REVIEW),
    Row("CANCELLING without an open cancellation", (), ("ask", "no_wish", "WAIT"), 0,
        state=WishState.NONE, claimed=True),
    Row("... and an inquiry of this pass says paid", ("ask: SHOWS_TAKEN",),
        ("reject", "no_wish", "NONE"), state=WishState.NONE, claimed=True, seen=0),
    Row("... an inquiry of an earlier pass is asked anew", ("ask: SHOWS_TAKEN",),
        ("ask", "no_wish", "WAIT"), 0, state=WishState.NONE, claimed=True),
)  # fmt: skip
