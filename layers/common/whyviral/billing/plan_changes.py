"""Changes of a paid subscription: upgrades at once, downgrades and cancellations at the end of the period, and undo.

Every change is decided with the user locked, made at the provider without a transaction, and saved as the provider
then reports it. A call that moves money is preceded by a look at the subscription, and is never repeated.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, BillingProvider, Plan, Subscription, User
from whyviral.integrations.dodo import documents
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.documents import ChargeSummary, SubscriptionState
from whyviral.integrations.dodo.errors import (
    CancellationScheduled,
    PlanChangePending,
    SubscriptionInactive,
    may_have_taken_effect,
)
from whyviral.integrations.errors import ProviderError

from . import repository
from .mirror.lifecycle import Version
from .mirror.subscriptions import apply_fetched, version_of
from .provider_calls import Connect, calling
from .refusals import (
    AlreadyOnPlan,
    NoPaidSubscription,
    NothingToCancel,
    NothingToUndo,
    PaymentOnHold,
    PlanChangeInProgress,
    PlanNotFound,
    SubscriptionEnding,
)
from .schemas import ChangeState

CHANGE_LIFETIME = timedelta(minutes=10)
"""How long an ordered upgrade is taken to be on its way; afterwards it may be ordered again."""
_OVERDUE = (SubscriptionState.ON_HOLD, SubscriptionState.PAUSED, SubscriptionState.PAST_DUE)


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change of the plan and how far it is."""

    state: ChangeState
    plan: Plan
    effective_at: datetime | None = None
    charge: ChargeSummary | None = None
    payment_link: str | None = None


def change_plan(
    session: Session, user: User, plan_slug: str, *, is_preview: bool, connect: Connect, now: datetime
) -> PlanChange:
    """Move the user to another plan: a dearer one now, a cheaper one at the end of the period.

    Moving to the Free plan cancels the subscription at the end of the period.

    Raises:
        PlanNotFound: the plan is not on sale.
        NoPaidSubscription: the user pays for no plan.
        AlreadyOnPlan: the user is on the plan.
        SubscriptionEnding: the subscription was canceled.
        PaymentOnHold: a payment is overdue.
        PlanChangeInProgress: another change waits for its payment.
        ProviderError: the provider did not answer, or refused the change.
    """
    plan = repository.find_plan(session, plan_slug)
    if plan is None or not plan.is_active or (plan.price_cents > 0 and plan.provider_product_id is None):
        raise PlanNotFound
    repository.lock_user(session, user.id)
    row = _changeable(repository.list_subscriptions(session, user.id))
    if row.plan_id == plan.id:
        raise AlreadyOnPlan(plan.name)
    if plan.price_cents == 0:
        if is_preview or row.cancel_at_period_end:
            state = ChangeState.PREVIEW if is_preview else ChangeState.SCHEDULED
            return PlanChange(state, plan, row.current_period_end)
        _cancel(session, user, row, connect=connect, now=now)
        return PlanChange(ChangeState.SCHEDULED, plan, row.current_period_end)
    if row.cancel_at_period_end:
        raise SubscriptionEnding
    if plan.price_cents < row.plan.price_cents:
        return _downgrade(session, user, row, plan, is_preview=is_preview, connect=connect, now=now)
    if is_preview:
        return _preview(session, user, row, plan, connect=connect)
    return _upgrade(session, user, row, plan, connect=connect, now=now)


def cancel(session: Session, user: User, *, connect: Connect, now: datetime) -> None:
    """Let the user's subscription end with its period; has no effect if that is scheduled already.

    Raises:
        NothingToCancel: the user has no subscription that renews.
        ProviderError: the provider did not answer.
    """
    repository.lock_user(session, user.id)
    row = _renewing(repository.list_subscriptions(session, user.id))
    if row is None:
        raise NothingToCancel
    if not row.cancel_at_period_end:
        _cancel(session, user, row, connect=connect, now=now)


def undo(session: Session, user: User, *, connect: Connect, now: datetime) -> None:
    """Undo what is scheduled for the end of the period: the cancellation, else the downgrade.

    Raises:
        NothingToUndo: neither is scheduled.
        ProviderError: the provider did not answer.
    """
    repository.lock_user(session, user.id)
    row = _renewing(repository.list_subscriptions(session, user.id))
    if row is None or not (row.cancel_at_period_end or row.downgrade_at):
        raise NothingToUndo
    known, subscription_id = version_of(row), str(row.provider_subscription_id)
    with calling(session, connect, user.id) as dodo:
        if row.cancel_at_period_end:
            document = dodo.undo_cancellation(subscription_id)
        else:
            dodo.cancel_scheduled_change(subscription_id)
            document = dodo.get_subscription(subscription_id)
    _save(session, row, document, known=known, now=now)


def _renewing(rows: Sequence[Subscription]) -> Subscription | None:
    """Return the subscription that the provider goes on charging: the current one, else the newest."""
    renewing = [
        row
        for row in rows
        if row.provider == BillingProvider.DODO
        and row.provider_subscription_id is not None
        and row.provider_status not in repository.ENDED_AT_PROVIDER
    ]
    return next((row for row in renewing if row.status in CURRENT_STATUSES), renewing[0] if renewing else None)


def _changeable(rows: Sequence[Subscription]) -> Subscription:
    row = _renewing(rows)
    if row is None:
        raise NoPaidSubscription
    if row.provider_status in _OVERDUE:
        raise PaymentOnHold
    if row.status not in CURRENT_STATUSES:  # another subscription, which was canceled, is still paid for
        raise NoPaidSubscription
    return row


def _cancel(session: Session, user: User, row: Subscription, *, connect: Connect, now: datetime) -> None:
    known = version_of(row)
    with calling(session, connect, user.id) as dodo:
        document = dodo.schedule_cancellation(str(row.provider_subscription_id))
    _save(session, row, document, known=known, now=now)


def _downgrade(
    session: Session, user: User, row: Subscription, plan: Plan, *, is_preview: bool, connect: Connect, now: datetime
) -> PlanChange:
    if is_preview:
        return PlanChange(ChangeState.PREVIEW, plan, row.current_period_end)
    if row.downgrade_to_plan_id != plan.id:
        known, subscription_id = version_of(row), str(row.provider_subscription_id)
        with calling(session, connect, user.id) as dodo, _refusals():
            dodo.schedule_plan_change(subscription_id, product_id=str(plan.provider_product_id))
            document = dodo.get_subscription(subscription_id)
        _save(session, row, document, known=known, now=now)
    return PlanChange(ChangeState.SCHEDULED, plan, row.downgrade_at)


def _preview(session: Session, user: User, row: Subscription, plan: Plan, *, connect: Connect) -> PlanChange:
    with calling(session, connect, user.id) as dodo, _refusals():
        preview = dodo.preview_plan_change(str(row.provider_subscription_id), product_id=str(plan.provider_product_id))
    charge = preview.immediate_charge
    return PlanChange(ChangeState.PREVIEW, plan, charge.effective_at, charge.summary)


def _upgrade(
    session: Session, user: User, row: Subscription, plan: Plan, *, connect: Connect, now: datetime
) -> PlanChange:
    """Order an upgrade. Two clicks order it once: the order is committed before the provider is called."""
    known, subscription_id, product_id = version_of(row), str(row.provider_subscription_id), plan.provider_product_id
    if _is_ordered(row, plan, now):
        return PlanChange(ChangeState.PROCESSING, plan)
    with calling(session, connect, user.id) as dodo:
        before = dodo.get_subscription(subscription_id)
    if before.product_id == product_id:  # an earlier order took effect, although its answer was lost
        _save(session, row, before, known=known, now=now)
        return PlanChange(ChangeState.DONE, plan)
    repository.lock_user(session, user.id)
    session.refresh(row)
    if _is_ordered(row, plan, now):
        return PlanChange(ChangeState.PROCESSING, plan)
    repository.set_plan_change(session, row.id, plan_id=plan.id, at=now)
    known = version_of(row)
    try:
        with calling(session, connect, user.id) as dodo:
            document, payment_link = _order(dodo, before, product_id=str(product_id))
    except ProviderError as exc:
        if not may_have_taken_effect(exc):
            repository.set_plan_change(session, row.id, plan_id=None, at=None)
            session.commit()
        with _refusals():
            raise
    if document is not None:
        _save(session, row, document, known=known, now=now)
    is_done = row.plan_id == plan.id
    return PlanChange(ChangeState.DONE if is_done else ChangeState.PROCESSING, plan, payment_link=payment_link)


def _is_ordered(row: Subscription, plan: Plan, now: datetime) -> bool:
    """Whether this upgrade was ordered a moment ago and has not been reported yet."""
    if row.change_requested_at is None or row.change_requested_at <= now - CHANGE_LIFETIME:
        return False
    if row.change_to_plan_id != plan.id:
        raise PlanChangeInProgress
    return True


def _order(
    dodo: DodoClient, before: documents.Subscription, *, product_id: str
) -> tuple[documents.Subscription | None, str | None]:
    """Order an upgrade; return the subscription as it is then, and a page to pay on if there is one."""
    if before.scheduled_change is not None:
        dodo.cancel_scheduled_change(before.subscription_id)
    link = dodo.change_plan(before.subscription_id, product_id=product_id).payment_link
    try:
        return dodo.get_subscription(before.subscription_id), link
    except ProviderError:
        return None, link  # the order was accepted, and the events will report it


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise the provider's refusals as ours."""
    try:
        yield
    except SubscriptionInactive as exc:
        raise PaymentOnHold from exc
    except CancellationScheduled as exc:
        raise SubscriptionEnding from exc
    except PlanChangePending as exc:
        raise PlanChangeInProgress from exc


def _save(
    session: Session, row: Subscription, document: documents.Subscription, *, known: Version | None, now: datetime
) -> None:
    apply_fetched(session, document, known=known, now=now)
    session.flush()
    session.refresh(row)
