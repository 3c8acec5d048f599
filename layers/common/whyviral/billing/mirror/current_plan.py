"""Decides which of a user's subscriptions is the current one, after any of them has changed."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts import repository as account_repository
from whyviral.accounts.models import CURRENT_STATUSES, Subscription, SubscriptionStatus
from whyviral.accounts.service import FREE_PLAN
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.billing import repository
from whyviral.integrations.dodo.documents import SubscriptionState

from .lifecycle import Candidate, choose_current, status_of


def settle(session: Session, user_id: uuid.UUID, *, now: datetime) -> None:
    """Make exactly one subscription of the user current: the best one that is paid for, else their own Free one.

    The user must be locked, so that two transactions cannot decide from different rows.

    Args:
        session: the transaction.
        user_id: the user.
        now: the current time, which decides whether a cancelled subscription is still paid for.
    """
    session.flush()
    rows = repository.list_subscriptions(session, user_id)
    before = next((row.plan.slug for row in rows if row.status in CURRENT_STATUSES), None)
    targets = {row.id: _own_status(row, now) for row in rows if row.provider_status is not None}
    granting = {_candidate(row): row for row in rows if targets.get(row.id) in CURRENT_STATUSES}
    best = choose_current(granting)
    for candidate, row in granting.items():
        if candidate is not best:
            targets[row.id] = SubscriptionStatus.PENDING  # it is paid for, but another one counts
    fallback = _fallback(rows)
    if fallback is not None:
        targets[fallback.id] = SubscriptionStatus.EXPIRED if best else SubscriptionStatus.ACTIVE
    _write(session, rows, targets)
    if best is None and fallback is None:
        account_repository.insert_subscription(session, user_id, plan_slug=FREE_PLAN)
    current = granting[best] if best is not None else fallback
    after = FREE_PLAN if current is None else current.plan.slug
    _record(session, user_id, before=before, after=after, paid=[row for row in granting.values() if _renews(row)])


def _own_status(row: Subscription, now: datetime) -> SubscriptionStatus:
    return status_of(
        str(row.provider_status),
        period_end=row.current_period_end,
        cancels=row.cancel_at_period_end,
        is_trial=row.is_trial,
        # The provider's clock may be ahead of ours, and its report of an end then comes before our end of the period.
        now=now if row.provider_updated_at is None else max(now, row.provider_updated_at),
    )


def _renews(row: Subscription) -> bool:
    return row.provider_status != SubscriptionState.CANCELLED


def _candidate(row: Subscription) -> Candidate:
    if row.current_period_end is None or row.provider_subscription_id is None:
        raise RuntimeError("a reported subscription has no period or no id")
    return Candidate(row.plan.price_cents, _renews(row), row.current_period_end, row.provider_subscription_id)


def _fallback(rows: Sequence[Subscription]) -> Subscription | None:
    """Return the subscription that no provider charges for: the current one if there are several, else the newest."""
    own = [row for row in rows if row.provider is None]
    return next((row for row in own if row.status in CURRENT_STATUSES), own[0] if own else None)


def _write(session: Session, rows: Sequence[Subscription], targets: dict[uuid.UUID, SubscriptionStatus]) -> None:
    changed = [row for row in rows if row.id in targets and row.status != targets[row.id]]
    # First those that stop being current: the unique index allows one current row at every moment.
    for row in sorted(changed, key=lambda row: targets[row.id] in CURRENT_STATUSES):
        row.status = targets[row.id]
        session.flush()


def _record(
    session: Session, user_id: uuid.UUID, *, before: str | None, after: str, paid: Sequence[Subscription]
) -> None:
    events = []
    if before != after:
        details = {"from": before, "to": after}
        events.append(Event(EventCategory.BILLING, "plan_changed", user_id, details=details))
    if len(paid) > 1:
        charged = {"subscriptions": sorted(str(row.provider_subscription_id) for row in paid)}
        events.append(Event(EventCategory.BILLING, "charged_twice", user_id, details=charged, level=EventLevel.ERROR))
    if events:
        record_events(session, *events)
