"""Why a payment stands where it does, what is awaited, and what a person may do: in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.clock import for_people
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import advice
from django_alipay_cancel.refund_wording import refund_result_sentence
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.decision import Act, Because
from django_alipay_cancel.services.evidence import history_of
from django_alipay_cancel.services.refund_case import RefundCase
from django_alipay_cancel.services.verdict import verdict
from django_alipay_cancel.wording import because_sentence, next_step_sentence, result_sentence


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the verdict says of a payment now.

    `because` names the rule; `code` is the refusal in hand, "" without one. `quiet_until`: until
    then a cancel of ours may still take effect; `next_look`: when Alipay is called next; both None
    when that is not so. `may` are the acts open to a person: check, try_now, ask_again, close,
    close_as_not_cancelled, cancel.
    """

    because: Because
    code: str = ""
    next_step: str = ""
    status: str = ""
    asks_next: bool = True
    refunds: bool = False
    quiet_until: datetime | None = None
    next_look: datetime | None = None
    may: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """The same for people, in the active language."""
        said = [because_sentence(self.because)]
        if self.code:
            said.append(
                gettext("The last refusal in hand is %(code)s: %(sentence)s")
                % {"code": self.code, "sentence": self._result_sentence}
            )
        if self.quiet_until:
            said.append(self.quiet_sentence)
        if self.next_look:
            text = (
                gettext("Alipay is asked again at %(time)s.")
                if self.asks_next
                else gettext("The refund is sent at %(time)s.")
                if self.refunds
                else gettext("The cancel is repeated at %(time)s.")
            )
            said.append(text % {"time": for_people(self.next_look)})
        if self.status in ("REJECTED", "NEEDS_REVIEW"):
            said.append(next_step_sentence(self.next_step))
        said += [sentence for act in self.may if (sentence := _may_sentence(act))]
        return said

    @property
    def _result_sentence(self) -> str:
        return (refund_result_sentence if self.refunds else result_sentence)(self.code)

    @property
    def quiet_sentence(self) -> str:
        """Until when a cancel may still take effect, for people; "" when none can."""
        if self.quiet_until is None:
            return ""
        text = gettext("Until %(time)s a cancel that was sent may still take effect.")
        return text % {"time": for_people(self.quiet_until)}

    def __str__(self) -> str:
        joint = gettext("%(sentence)s %(next_sentence)s")
        text, *rest = self.sentences
        for sentence in rest:
            text = joint % {"sentence": text, "next_sentence": sentence}
        return text


def explain(payment: Payment) -> Explanation:
    """Return why this payment stands where it does, and what comes next.

    Reads the rows and calls nobody. Of several cancellations the open one counts, else the newest.
    """
    now = timezone.now()
    cancellation = _current(payment)
    orphaned = payment.status in Payment.IN_CHANGE
    if cancellation is None and not orphaned:
        return Explanation(because=_without_wish(payment), may=_may(payment, None, None))
    judged = None if orphaned and not (cancellation and cancellation.is_open) else cancellation
    history, policy = history_of(payment, judged), schedule.policy()
    found = verdict(history, now, policy)
    case = Case(history, now, policy)
    until = case.quiet_until or RefundCase(case).quiet_until
    if judged is None or not judged.is_open:
        return Explanation(
            because=_of_finished(payment, judged) if judged else found.because,
            code=_refusal_of(judged) if judged else "",
            next_step=advice(judged) if judged else "",
            status=judged.status if judged else "",
            refunds=judged.refunds if judged else False,
            next_look=payment.sweep_at if judged is None else None,
            quiet_until=until if judged is None else None,
            may=_may(payment, judged, until),
        )
    refusal = found.told if found.told and found.told.code and not found.told.error else None
    return Explanation(
        because=found.because,
        code=refusal.code if refusal and (refusal.cancels or refusal.refunds) else "",
        next_step=advice(judged),
        status=judged.status,
        asks_next=found.act not in (Act.CANCEL, Act.REFUND),
        refunds=judged.refunds,
        quiet_until=until,
        next_look=judged.next_attempt_at,
        may=_may(payment, judged, until),
    )


def _refusal_of(cancellation: Cancellation) -> str:
    # An inquiry that shows that the refund failed has the code of a call that worked.
    refused = cancellation.status == "REJECTED" and cancellation.result_code != "SUCCESS"
    return cancellation.result_code if refused else ""


def _current(payment: Payment) -> Cancellation | None:
    rows = Cancellation.objects.using(payment.database).filter(payment=payment)
    newest = list(rows.order_by("-created_at")[:20])
    for row in newest:
        row.payment = payment
    return next((row for row in newest if row.is_open), newest[0] if newest else None)


def _without_wish(payment: Payment) -> Because:
    if payment.status == Payment.Status.CANCELLED:
        return Because.CANCELLED
    if payment.status == Payment.Status.REFUNDED:
        return Because.REFUNDED
    if payment.status == Payment.Status.FAIL:
        return _of_failed(payment)
    if payment.status == Payment.Status.PROCESSING and payment.checked_status == "ORDER_NOT_EXIST":
        return Because.NEVER_REACHED
    return Because.NOTHING_TO_DO


def _of_failed(payment: Payment) -> Because:
    return Because.FAILED_AFTER_PAID if payment.paid_at else Because.UNPAID


def _of_finished(payment: Payment, cancellation: Cancellation) -> Because:
    if cancellation.closed_by_name:
        return Because.CLOSED_BY_HAND
    if cancellation.status == Cancellation.Status.REFUNDED:
        return Because.REFUNDED
    if cancellation.status == Cancellation.Status.SUCCEEDED:
        failed = payment.status == Payment.Status.FAIL
        return _of_failed(payment) if failed else Because.CANCELLED
    if cancellation.result_code:
        unknown = cancellation.result_code == "ORDER_NOT_EXIST"
        if cancellation.refunds:
            failed = cancellation.result_code == "SUCCESS"
            return Because.REFUND_FAILED if failed else Because.REFUND_REFUSED
        return Because.UNKNOWN_PAYMENT_BELIEVED if unknown else Because.REFUSED
    no_result = cancellation.source == Cancellation.Source.NO_RESULT
    return Because.PAID_MEANWHILE if no_result else Because.CHECKED_BY_PERSON


def _may(
    payment: Payment, cancellation: Cancellation | None, until: datetime | None
) -> tuple[str, ...]:
    if cancellation is None or not cancellation.is_open:
        cancels = payment.status in ("PROCESSING", "AUTHORIZED", "SUCCESS")
        return ("check", "cancel") if cancels else ("check",)
    if cancellation.status == Cancellation.Status.PENDING:
        return ("check", "try_now")
    close = ("close",) if until else ("close", "close_as_not_cancelled")
    return ("check", "ask_again", *close)


def _may_sentence(act: str) -> str:
    return {
        "try_now": gettext("A person may check now, or have it tried now."),
        "ask_again": gettext(
            "A person may check now, ask again, or close it by hand with what Alipay's support "
            "says."
        ),
    }.get(act, "")
