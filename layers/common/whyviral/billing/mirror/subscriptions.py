"""Saves the provider's reports about subscriptions, and with them the user's plan."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import BillingProvider, Plan, Subscription, SubscriptionStatus, User
from whyviral.billing import repository
from whyviral.integrations.dodo import documents

from .current_plan import settle
from .lifecycle import SubscriptionFacts, Version, facts_of
from .owners import CHECKOUT_KEY, find_owner, id_in
from .reports import Fetched, FetchNeeded, ObjectId, ObjectKind, Reports


class UnknownProduct(Exception):
    """No plan is sold as this product; `make plans` connects plans with products."""


def save_subscription(session: Session, reported: documents.Subscription, reports: Reports) -> User:
    """Save a reported subscription unless a newer report is saved already; return its user.

    Locks the subscription, then its user.

    Raises:
        FetchNeeded: only the provider knows which report is newer.
        OwnerUnknown: the subscription belongs to no user.
        UnknownProduct: its product is none of our plans.
        UnknownSubscriptionStatus: its status is not in the provider's documentation.
    """
    wanted = ObjectId(ObjectKind.SUBSCRIPTION, reported.subscription_id)
    repository.lock_object(session, reported.subscription_id)
    row = repository.find_subscription(session, reported.subscription_id)
    owner_id = row.user_id if row else find_owner(session, metadata=reported.metadata, customer=reported.customer)
    user = repository.lock_user(session, owner_id)
    known = None if row is None else version_of(row)
    document = reports.newest(wanted, reported, known=known)
    facts = facts_of(document)
    version = reports.decide(wanted, document, facts, known=known, past=document.cancelled_at)
    if version is None:
        return user
    plan = _plan_of(session, facts.product_id)
    next_plan = None if facts.scheduled_product_id is None else _plan_of(session, facts.scheduled_product_id)
    row = row or _new_row(session, document, owner_id)
    _copy(row, facts, version, plan=plan, next_plan=next_plan)
    if user.deleted_at is not None and row.provider_status not in repository.ENDED_AT_PROVIDER:
        row.cancel_requested_at = row.cancel_requested_at or reports.now
    settle(session, owner_id, now=reports.now)
    return user


def version_of(row: Subscription) -> Version | None:
    """Return the version of the report that a row holds; None for a checkout that led to no report yet."""
    if row.provider_updated_at is None or row.provider_digest is None:
        return None
    return Version(row.provider_updated_at, row.provider_digest, row.provider_fetched_at)


def _new_row(session: Session, document: documents.Subscription, user_id: uuid.UUID) -> Subscription:
    """Return the checkout that the subscription came from, or a new row for a subscription without a checkout."""
    checkout_id = id_in(document.metadata, CHECKOUT_KEY)
    checkout = None if checkout_id is None else repository.find_checkout(session, checkout_id, user_id)
    if checkout is not None:
        checkout.provider_subscription_id = document.subscription_id
        return checkout
    row = Subscription(
        user_id=user_id,
        status=SubscriptionStatus.PENDING,
        provider=BillingProvider.DODO,
        provider_subscription_id=document.subscription_id,
    )
    session.add(row)
    return row


def _copy(row: Subscription, facts: SubscriptionFacts, version: Version, *, plan: Plan, next_plan: Plan | None) -> None:
    row.plan_id = plan.id
    row.provider_status = facts.status
    row.provider_customer_id = facts.customer_id
    row.provider_payment_method_id = facts.payment_method_id
    row.current_period_start, row.current_period_end = facts.period_start, facts.period_end
    row.is_trial = facts.is_trial
    row.cancel_at_period_end = facts.cancel_at_period_end
    row.past_due_until = facts.past_due_until
    row.downgrade_to_plan_id = None if next_plan is None else next_plan.id
    row.downgrade_at = facts.scheduled_at
    row.provider_updated_at = version.updated_at
    row.provider_digest = version.digest
    row.provider_fetched_at = version.fetched_at
    row.checkout_url = None
    if row.change_to_plan_id == plan.id:
        row.change_to_plan_id, row.change_requested_at = None, None
    if facts.status in repository.ENDED_AT_PROVIDER:
        row.cancel_requested_at = None


def _plan_of(session: Session, product_id: str) -> Plan:
    plan = repository.find_plan_of_product(session, product_id)
    if plan is None:
        raise UnknownProduct(product_id)
    return plan


def apply_fetched(session: Session, document: documents.Subscription, *, known: Version | None, now: datetime) -> None:
    """Save a subscription that was fetched without an event, unless its row has changed since the fetch began.

    A row that has changed holds a report from after the fetch began; the event that brought it is in charge.

    Args:
        session: the transaction.
        document: the subscription as fetched.
        known: the version of its row when the fetch began.
        now: our time.
    """
    wanted = ObjectId(ObjectKind.SUBSCRIPTION, document.subscription_id)
    reported_at = document.created_at if known is None else known.updated_at
    try:
        save_subscription(session, document, Reports(reported_at, now, {wanted: Fetched(document, known, now)}))
    except FetchNeeded:
        return
