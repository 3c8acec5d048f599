"""Starts a subscription: one open checkout per user and plan, however often the button is pressed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, BillingProvider, Plan, Subscription, SubscriptionStatus, User
from whyviral.integrations.dodo.documents import SubscriptionState
from whyviral.integrations.errors import ProviderError

from . import repository
from .mirror.owners import CHECKOUT_KEY, USER_KEY
from .provider_calls import Connect, calling
from .refusals import (
    AlreadyOnPlan,
    AlreadySubscribed,
    CheckoutInProgress,
    EmailNeeded,
    PaymentOnHold,
    PlanNotFound,
)

CHECKOUT_LIFETIME = timedelta(hours=23)
"""A session of the provider can be paid for 24 hours. Source: docs.dodopayments.com, "Checkout session", 2026-11."""
_CALL_TIME = timedelta(seconds=60)
"""Longer than a call can take; an older checkout without an address was never created."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the provider sends the customer back to."""

    success_url: str
    cancel_url: str


def start_checkout(
    session: Session, user: User, plan_slug: str, *, connect: Connect, pages: Pages, now: datetime
) -> Subscription:
    """Return the user's open checkout for a plan, or create one; its subscription is PENDING until it is paid.

    The row is committed before the provider is called, so that a second call finds it.

    Raises:
        PlanNotFound: the plan is not on sale.
        AlreadyOnPlan: the user is on it.
        AlreadySubscribed: the user pays for another plan.
        PaymentOnHold: the user has a subscription with an overdue payment.
        CheckoutInProgress: another call is creating the checkout.
        ProviderError: the provider did not create the checkout; the next call tries again.
    """
    plan = get_plan_on_sale(session, plan_slug)
    if user.email is None:
        raise EmailNeeded
    repository.lock_user(session, user.id)
    rows = repository.list_subscriptions(session, user.id)
    _check_may_subscribe(rows, plan)
    checkout = _open_checkout(rows, plan, now)
    if checkout is not None:
        return checkout
    checkout = Subscription(
        user_id=user.id, plan_id=plan.id, status=SubscriptionStatus.PENDING, provider=BillingProvider.DODO
    )
    session.add(checkout)
    session.flush()
    _create_session(session, checkout, plan, user, rows, connect=connect, pages=pages)
    return checkout


def get_plan_on_sale(session: Session, plan_slug: str) -> Plan:
    """Return a plan that the provider sells.

    Raises:
        PlanNotFound: there is none with this slug.
    """
    plan = repository.find_plan(session, plan_slug)
    if plan is None or not plan.is_active or plan.provider_product_id is None:
        raise PlanNotFound
    return plan


def _check_may_subscribe(rows: Sequence[Subscription], plan: Plan) -> None:
    for row in rows:
        if row.provider_status in (SubscriptionState.ON_HOLD, SubscriptionState.PAUSED):
            raise PaymentOnHold
        is_ending = row.provider_status == SubscriptionState.CANCELLED
        if row.status not in CURRENT_STATUSES or is_ending:
            continue
        if row.plan_id == plan.id:
            raise AlreadyOnPlan(plan.name)
        if row.provider is not None:
            raise AlreadySubscribed(row.plan.name)


def _open_checkout(rows: Sequence[Subscription], plan: Plan, now: datetime) -> Subscription | None:
    for row in rows:
        is_open = row.status == SubscriptionStatus.PENDING and row.provider_subscription_id is None
        if not is_open or row.plan_id != plan.id or row.created_at < now - CHECKOUT_LIFETIME:
            continue
        if row.checkout_url is not None:
            return row
        if row.created_at > now - _CALL_TIME:
            raise CheckoutInProgress
        row.status = SubscriptionStatus.FAILED  # the process died before it had the address
    return None


def _create_session(
    session: Session,
    checkout: Subscription,
    plan: Plan,
    user: User,
    rows: Sequence[Subscription],
    *,
    connect: Connect,
    pages: Pages,
) -> None:
    customer_id = next((row.provider_customer_id for row in rows if row.provider_customer_id), None)
    email = str(user.email)
    customer = {"customer_id": customer_id} if customer_id else {"email": email, "name": user.full_name or email}
    checkout_id: uuid.UUID = checkout.id
    try:
        with calling(session, connect, user.id) as dodo:
            created = dodo.create_checkout(
                product_id=str(plan.provider_product_id),
                customer=customer,
                metadata={
                    USER_KEY: str(user.id),
                    CHECKOUT_KEY: str(checkout_id),
                    "clerk_user_id": user.clerk_user_id,
                    "plan": plan.slug,
                },
                return_url=pages.success_url,
                cancel_url=pages.cancel_url,
            )
    except ProviderError:
        # A session whose address was never shown cannot be paid, so it does not matter whether it was created.
        repository.set_checkout(session, checkout_id, status=SubscriptionStatus.FAILED)
        session.commit()
        raise
    values = {"checkout_session_id": created.session_id, "checkout_url": created.checkout_url}
    repository.set_checkout(session, checkout_id, **values)
    checkout.checkout_session_id, checkout.checkout_url = created.session_id, created.checkout_url
