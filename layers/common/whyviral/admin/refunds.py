"""Refunds of payments in full, at most one for each payment even after a failure in between.

Dodo documents no idempotency key. The action is therefore committed before the call, and a unique index lets a payment
have one that is open or has succeeded. After a crash, or an answer that never came, the next attempt adopts the open
action and looks at Dodo whether the refund exists before it asks for one.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from whyviral.billing import repository as billing_repository
from whyviral.billing.models import Payment, PaymentStatus, RefundStatus
from whyviral.billing.provider_calls import Connect, calling
from whyviral.core.errors import AppError
from whyviral.integrations.dodo import documents
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.documents import RefundState
from whyviral.integrations.dodo.errors import DodoRefusal, may_have_taken_effect
from whyviral.integrations.errors import ProviderError

from .audit import Intent, TargetNotFound, audited, finish, record
from .models import ActionName, ActionOutcome, AdminAction

RESUME_AFTER = timedelta(minutes=2)
"""Longer than an attempt can take, its calls to Dodo included."""
_CLOCK_DIFFERENCE = timedelta(minutes=10)
ACTION_KEY = "admin_action_id"
"""The name of the action's id in Dodo's metadata."""


class PaymentNotRefundable(AppError):
    """The payment did not succeed, or was refunded already, at least in part."""

    status_code = 409
    code = "payment_not_refundable"

    def __init__(self, status: str) -> None:
        super().__init__(f"Only a payment that succeeded and was not refunded can be refunded; this one is {status}.")


class RefundInProgress(AppError):
    """The payment is being refunded, or was: the outcome of the last attempt is open."""

    status_code = 409
    code = "refund_in_progress"

    def __init__(self) -> None:
        super().__init__("This payment is being refunded. Try again in two minutes: that first looks at the outcome.")


class AlreadyRefundedHere(AppError):
    """An administrator has refunded the payment."""

    status_code = 409
    code = "already_refunded"

    def __init__(self) -> None:
        super().__init__("This payment was refunded already. Dodo's report of it follows by webhook.")


class RefundOutcomeUnknown(AppError):
    """Dodo did not answer, so the refund may have happened."""

    status_code = 503
    code = "refund_outcome_unknown"

    def __init__(self) -> None:
        super().__init__("Dodo did not answer. Try again in two minutes: that first looks whether the refund exists.")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A refund that is to be asked for, with what is needed to find it at Dodo."""

    action_id: uuid.UUID
    user_id: uuid.UUID
    payment_id: str
    subscription_id: str | None
    resumes_since: datetime | None
    """When the attempt that this one resumes began; None: this is the first one."""


def refund_payment(engine: Engine, connect: Connect, intent: Intent, *, now: datetime) -> None:
    """Refund a payment in full. Dodo shows the reason to the customer and reports the refund by webhook.

    Raises:
        TargetNotFound: there is no such payment.
        PaymentNotRefundable: it did not succeed, or was refunded.
        AlreadyRefundedHere: an administrator has refunded it.
        RefundInProgress: the outcome of another attempt is open.
        RefundOutcomeUnknown: Dodo did not answer.
        ProviderError: Dodo refused the refund.
    """
    attempt = _begin(engine, intent, now=now)
    with Session(engine) as session, calling(session, connect, attempt.user_id) as dodo:
        refund_id = _refund(engine, dodo, attempt, reason=intent.reason.strip())
    finish(engine, attempt.action_id, ActionOutcome.SUCCEEDED, refund_id=refund_id)


def _begin(engine: Engine, intent: Intent, *, now: datetime) -> _Attempt:
    """Commit the intent, or adopt that of an attempt without an outcome."""
    with audited(engine, intent) as session:
        payment = session.get(Payment, intent.target_id, with_for_update=True)
        if payment is None:
            raise TargetNotFound(intent.target_type)
        earlier = _find_action(session, payment)
        resumes_since = None
        if earlier is None:
            if payment.status != PaymentStatus.SUCCEEDED or payment.refunded_cents:
                raise PaymentNotRefundable(payment.status)
            earlier = record(session, intent, ActionOutcome.STARTED, cents=payment.amount_cents)
        elif earlier.updated_at > now - RESUME_AFTER:
            raise RefundInProgress
        else:
            resumes_since = earlier.created_at
            earlier.details = earlier.details | {"resumed_by": str(intent.admin_id)}
        earlier.updated_at = now
        ids = (payment.user_id, payment.provider_payment_id, payment.provider_subscription_id)
        return _Attempt(earlier.id, *ids, resumes_since=resumes_since)


def _find_action(session: Session, payment: Payment) -> AdminAction | None:
    """Return the payment's refund without an outcome; one that failed at Dodo after all does not count.

    Raises:
        AlreadyRefundedHere: it has succeeded.
    """
    is_refund = (AdminAction.action == ActionName.REFUND_PAYMENT) & (AdminAction.target_id == payment.id)
    is_open = AdminAction.outcome.in_([ActionOutcome.STARTED, ActionOutcome.SUCCEEDED])
    action = session.scalar(select(AdminAction).where(is_refund, is_open))
    if action is None or action.outcome == ActionOutcome.STARTED:
        return action
    reported = billing_repository.find_refund(session, action.details.get("refund_id", ""))
    if reported is None or reported.status != RefundStatus.FAILED:
        raise AlreadyRefundedHere
    action.outcome = ActionOutcome.FAILED
    session.flush()
    return None


def _refund(engine: Engine, dodo: DodoClient, attempt: _Attempt, *, reason: str) -> str:
    """Return Dodo's id of the refund. An action whose refund may have happened stays open."""
    if attempt.resumes_since is not None:
        try:
            found = _find(dodo, attempt, attempt.resumes_since)
        except ProviderError as exc:
            raise RefundOutcomeUnknown from exc
        if found is not None:
            return found.refund_id
    try:
        metadata = {ACTION_KEY: str(attempt.action_id)}
        return dodo.create_refund(attempt.payment_id, reason=reason, metadata=metadata).refund_id
    except ProviderError as exc:
        if may_have_taken_effect(exc):
            raise RefundOutcomeUnknown from exc
        code = exc.code if isinstance(exc, DodoRefusal) else None
        finish(engine, attempt.action_id, ActionOutcome.FAILED, code=code or exc.category.value)
        raise


def _find(dodo: DodoClient, attempt: _Attempt, since: datetime) -> documents.Refund | None:
    """Return the refund that an earlier attempt has caused."""
    found = dodo.list_refunds(subscription_id=attempt.subscription_id, since=since - _CLOCK_DIFFERENCE)
    ours = (each for each in found if each.payment_id == attempt.payment_id and each.status != RefundState.FAILED)
    return next(ours, None)
