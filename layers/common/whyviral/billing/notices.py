"""What a frontend must show about a user's billing: failed payments, holds and what ends with the period."""

import uuid
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, Subscription
from whyviral.accounts.schemas import BillingNotice, NoticeKind, SubscriptionOut
from whyviral.accounts.service import FREE_PLAN, NoCurrentSubscription
from whyviral.integrations.dodo.documents import SubscriptionState

from . import repository


def get_current_subscription(session: Session, user_id: uuid.UUID) -> SubscriptionOut:
    """Return the user's current subscription with the notices about their billing.

    Raises:
        NoCurrentSubscription: the user has no current subscription.
    """
    rows = repository.list_live_subscriptions(session, user_id)
    current = next((row for row in rows if row.status in CURRENT_STATUSES), None)
    if current is None:
        raise NoCurrentSubscription
    failed_at = repository.find_last_failure(session, user_id) if any(map(_is_overdue, rows)) else None
    notices = [notice for row in rows if row.provider_status for notice in _notices_of(row, failed_at)]
    return SubscriptionOut.model_validate(current).model_copy(update={"notices": notices})


def _is_overdue(row: Subscription) -> bool:
    return row.provider_status in (SubscriptionState.PAST_DUE, SubscriptionState.ON_HOLD)


def _notices_of(row: Subscription, failed_at: datetime | None) -> Iterator[BillingNotice]:
    plan = row.plan.slug
    if _is_overdue(row):
        yield BillingNotice(kind=NoticeKind.PAYMENT_FAILED, plan=plan, since=failed_at, at=row.past_due_until)
    if row.provider_status == SubscriptionState.ON_HOLD:
        yield BillingNotice(kind=NoticeKind.ON_HOLD, plan=plan, since=row.provider_updated_at, at=None)
    if row.status not in CURRENT_STATUSES:
        return
    if row.cancel_at_period_end or row.provider_status == SubscriptionState.CANCELLED:
        yield BillingNotice(kind=NoticeKind.CANCELING, plan=FREE_PLAN, since=None, at=row.current_period_end)
    elif row.downgrade_to_plan is not None:
        next_plan = row.downgrade_to_plan.slug
        yield BillingNotice(kind=NoticeKind.DOWNGRADE_SCHEDULED, plan=next_plan, since=None, at=row.downgrade_at)
