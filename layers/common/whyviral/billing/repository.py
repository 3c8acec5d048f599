"""Every query of billing."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select, text, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from whyviral.accounts.models import CURRENT_STATUSES, BillingProvider, Plan, Subscription, SubscriptionStatus, User
from whyviral.core.database import Base
from whyviral.integrations.dodo.documents import SubscriptionState

from .models import Dispute, Invoice, Payment, PaymentMethod, PaymentStatus, Refund, RefundStatus

type Mirror = Subscription | Payment | Refund | Dispute

CANCELLED = SubscriptionState.CANCELLED.value
ENDED_AT_PROVIDER = (CANCELLED, SubscriptionState.FAILED.value, SubscriptionState.EXPIRED.value)
"""The provider's statuses in which it charges nothing any more."""


def lock_object(session: Session, provider_id: str) -> None:
    """Wait until no other transaction works on this object of the provider; the lock ends with the transaction."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": f"dodo:{provider_id}"})


def lock_user(session: Session, user_id: uuid.UUID) -> User:
    """Return the user, locked until the transaction ends; rows that refer to the user may still be inserted."""
    return session.scalars(
        select(User).where(User.id == user_id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()


def get_user(session: Session, user_id: uuid.UUID) -> User:
    """Return the user, deleted or not."""
    return session.scalars(select(User).where(User.id == user_id)).one()


def find_user_id(session: Session, user_id: uuid.UUID) -> uuid.UUID | None:
    """Return the id if there is such a user, deleted or not."""
    return session.scalar(select(User.id).where(User.id == user_id))


def find_user_id_of_customer(session: Session, customer_id: str) -> uuid.UUID | None:
    """Return the user whose subscription has this customer of the provider."""
    of_customer = select(Subscription.user_id).where(Subscription.provider_customer_id == customer_id)
    return session.scalar(of_customer.order_by(Subscription.created_at.desc()).limit(1))


def find_user_id_by_email(session: Session, email: str) -> uuid.UUID | None:
    """Return the user with this verified address, if there is exactly one."""
    found = session.scalars(
        select(User.id).where(User.email == email, User.email_verified, User.deleted_at.is_(None)).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def find_subscription(session: Session, provider_subscription_id: str) -> Subscription | None:
    """Return the subscription with the provider's id."""
    return session.scalar(select(Subscription).where(Subscription.provider_subscription_id == provider_subscription_id))


def find_subscription_with_plans(session: Session, provider_subscription_id: str) -> Subscription | None:
    """Return the subscription with the provider's id, with its plan and the plan that is scheduled."""
    return session.scalar(
        select(Subscription)
        .where(Subscription.provider_subscription_id == provider_subscription_id)
        .options(joinedload(Subscription.plan, innerjoin=True), joinedload(Subscription.downgrade_to_plan))
    )


def has_paid_plan(session: Session, user_id: uuid.UUID) -> bool:
    """Return whether the user's current subscription is one of the provider's."""
    current = select(Subscription.id).where(
        Subscription.user_id == user_id,
        Subscription.provider_subscription_id.is_not(None),
        Subscription.status.in_(CURRENT_STATUSES),
    )
    return session.scalar(current.limit(1)) is not None


def list_living_provider_ids(session: Session) -> Sequence[str]:
    """Return the provider's ids of the subscriptions that it may still charge for, or that still grant a plan."""
    living = or_(Subscription.provider_status.not_in(ENDED_AT_PROVIDER), Subscription.status.in_(CURRENT_STATUSES))
    found = session.scalars(
        select(Subscription.provider_subscription_id)
        .where(Subscription.provider_subscription_id.is_not(None), living)
        .order_by(Subscription.id)
    )
    return [each for each in found if each is not None]


def find_checkout(session: Session, checkout_id: uuid.UUID, user_id: uuid.UUID) -> Subscription | None:
    """Return the user's checkout that no subscription of the provider has taken yet."""
    return session.scalar(
        select(Subscription).where(
            Subscription.id == checkout_id,
            Subscription.user_id == user_id,
            Subscription.provider == BillingProvider.DODO,
            Subscription.provider_subscription_id.is_(None),
        )
    )


def set_checkout(session: Session, checkout_id: uuid.UUID, **values: Any) -> None:
    """Set columns of a checkout, unless a subscription of the provider has taken it meanwhile."""
    session.execute(
        update(Subscription)
        .where(Subscription.id == checkout_id, Subscription.provider_subscription_id.is_(None))
        .values(values),
        execution_options={"synchronize_session": False},
    )


def set_plan_change(
    session: Session, subscription_id: uuid.UUID, *, plan_id: uuid.UUID | None, at: datetime | None
) -> None:
    """Record the upgrade that was ordered, or that none is."""
    session.execute(
        update(Subscription)
        .where(Subscription.id == subscription_id)
        .values(change_to_plan_id=plan_id, change_requested_at=at)
    )


def list_subscriptions(session: Session, user_id: uuid.UUID) -> Sequence[Subscription]:
    """Return all subscriptions of a user with their plans, newest first."""
    return session.scalars(
        select(Subscription)
        .where(Subscription.user_id == user_id)
        .options(
            joinedload(Subscription.plan, innerjoin=True),
            joinedload(Subscription.downgrade_to_plan),
        )
        .order_by(Subscription.created_at.desc(), Subscription.id),
        execution_options={"populate_existing": True},
    ).all()


def list_live_subscriptions(session: Session, user_id: uuid.UUID) -> Sequence[Subscription]:
    """Return the current subscription and those that the provider has not ended, newest first, with their plans."""
    is_at_provider = Subscription.provider_status.not_in(ENDED_AT_PROVIDER)
    return session.scalars(
        select(Subscription)
        .where(Subscription.user_id == user_id, or_(is_at_provider, Subscription.status.in_(CURRENT_STATUSES)))
        .options(joinedload(Subscription.plan, innerjoin=True), joinedload(Subscription.downgrade_to_plan))
        .order_by(Subscription.created_at.desc(), Subscription.id)
    ).all()


def find_last_failure(session: Session, user_id: uuid.UUID) -> datetime | None:
    """Return the time of the user's last failed payment."""
    failed = select(func.max(Payment.paid_at)).where(Payment.user_id == user_id, Payment.status == PaymentStatus.FAILED)
    return session.scalar(failed)


def list_payment_methods(session: Session, user_id: uuid.UUID) -> Sequence[tuple[PaymentMethod, bool]]:
    """Return the user's payment methods, newest first, and whether the current subscription is charged to each."""
    is_default = exists().where(
        Subscription.user_id == user_id,
        Subscription.provider_payment_method_id == PaymentMethod.provider_payment_method_id,
        Subscription.provider_status.not_in(ENDED_AT_PROVIDER),
    )
    found = session.execute(
        select(PaymentMethod, is_default)
        .where(PaymentMethod.user_id == user_id)
        .order_by(PaymentMethod.created_at.desc(), PaymentMethod.id)
    )
    return [(row[0], row[1]) for row in found]


def find_invoiced_payment_id(session: Session, user_id: uuid.UUID, invoice_id: uuid.UUID) -> str | None:
    """Return the provider's id of the payment of a user's invoice."""
    return session.scalar(
        select(Payment.provider_payment_id)
        .join(Invoice, Invoice.payment_id == Payment.id)
        .where(Invoice.id == invoice_id, Invoice.user_id == user_id)
    )


def find_customer_id(session: Session, user_id: uuid.UUID) -> str | None:
    """Return the provider's id of the user as a customer."""
    return session.scalar(
        select(Subscription.provider_customer_id)
        .where(Subscription.user_id == user_id, Subscription.provider_customer_id.is_not(None))
        .order_by(Subscription.created_at.desc())
        .limit(1)
    )


def end_plan_change(session: Session, provider_subscription_id: str, *, requested_before: datetime) -> None:
    """Clear the ordered upgrade of a subscription, if it was ordered before a time."""
    session.execute(
        update(Subscription)
        .where(
            Subscription.provider_subscription_id == provider_subscription_id,
            Subscription.change_requested_at <= requested_before,
        )
        .values(change_to_plan_id=None, change_requested_at=None)
    )


def find_plan_of_product(session: Session, product_id: str) -> Plan | None:
    """Return the plan that the provider sells as this product."""
    return session.scalar(select(Plan).where(Plan.provider_product_id == product_id))


def find_plan(session: Session, slug: str) -> Plan | None:
    """Return the plan with this slug, on sale or not."""
    return session.scalar(select(Plan).where(Plan.slug == slug))


def find_payment(session: Session, provider_payment_id: str) -> Payment | None:
    """Return the payment with the provider's id."""
    return session.scalar(select(Payment).where(Payment.provider_payment_id == provider_payment_id))


def find_refund(session: Session, provider_refund_id: str) -> Refund | None:
    """Return the refund with the provider's id."""
    return session.scalar(select(Refund).where(Refund.provider_refund_id == provider_refund_id))


def find_dispute(session: Session, provider_dispute_id: str) -> Dispute | None:
    """Return the dispute with the provider's id."""
    return session.scalar(select(Dispute).where(Dispute.provider_dispute_id == provider_dispute_id))


def list_succeeded_refunds(session: Session, payment_id: uuid.UUID) -> Sequence[int]:
    """Return the amounts in cents of the refunds of a payment that succeeded."""
    return session.scalars(
        select(Refund.amount_cents).where(Refund.payment_id == payment_id, Refund.status == RefundStatus.SUCCEEDED)
    ).all()


def save_invoice(session: Session, values: dict[str, Any]) -> None:
    """Insert the invoice of a payment, or update it."""
    changes = {name: value for name, value in values.items() if name not in ("payment_id", "user_id")}
    session.execute(
        insert(Invoice)
        .values(values)
        .on_conflict_do_update(index_elements=[Invoice.payment_id], set_=changes | {"updated_at": func.now()})
    )


def save_payment_method(session: Session, values: dict[str, Any]) -> None:
    """Insert a payment method, or update it unless the stored report is newer."""
    changes = {name: value for name, value in values.items() if name not in ("provider_payment_method_id", "user_id")}
    statement = insert(PaymentMethod).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[PaymentMethod.provider_payment_method_id],
            set_=changes | {"updated_at": func.now()},
            where=PaymentMethod.provider_updated_at <= statement.excluded.provider_updated_at,
        )
    )


def insert_once(session: Session, model: type[Base], values: dict[str, Any], *, key: Any) -> bool:
    """Insert a row unless one with this key exists; return whether it was inserted."""
    inserted = session.execute(
        insert(model).values(values).on_conflict_do_nothing(index_elements=[key]).returning(model.id)  # type: ignore[attr-defined]
    )
    return inserted.first() is not None


def list_due(session: Session, *, due_at: datetime, limit: int, after: uuid.UUID | None) -> Sequence[Subscription]:
    """Return subscriptions of the provider for which something should have happened by a time, in the order of ids.

    That is the end of a period or of a grace period, a scheduled downgrade, an ordered cancellation or upgrade.
    """
    is_due = or_(
        Subscription.downgrade_at <= due_at,
        Subscription.past_due_until <= due_at,
        Subscription.cancel_requested_at <= due_at,
        Subscription.change_requested_at <= due_at,
        (Subscription.current_period_end <= due_at) & Subscription.status.in_(CURRENT_STATUSES),
    )
    due = select(Subscription).where(
        Subscription.provider == BillingProvider.DODO, Subscription.provider_subscription_id.is_not(None), is_due
    )
    if after is not None:
        due = due.where(Subscription.id > after)
    return session.scalars(due.order_by(Subscription.id).limit(limit)).all()


def list_open_checkouts(
    session: Session, *, created_before: datetime, limit: int, after: uuid.UUID | None
) -> Sequence[Subscription]:
    """Return checkouts from before a time that led to no subscription, in the order of ids."""
    checkouts = select(Subscription).where(
        Subscription.provider == BillingProvider.DODO,
        Subscription.provider_subscription_id.is_(None),
        Subscription.status == SubscriptionStatus.PENDING,
        Subscription.created_at < created_before,
    )
    if after is not None:
        checkouts = checkouts.where(Subscription.id > after)
    return session.scalars(checkouts.order_by(Subscription.id).limit(limit)).all()


def list_ending(session: Session, *, due_at: datetime, limit: int, after: uuid.UUID | None) -> Sequence[Subscription]:
    """Return subscriptions whose end was ordered by a time, or that were cancelled and whose period ended by then.

    The provider sends no event when the period of a cancelled subscription ends. The result is in the order of ids.
    """
    is_over = (
        (Subscription.status == SubscriptionStatus.CANCELING)
        & (Subscription.provider_status == CANCELLED)
        & (Subscription.current_period_end <= due_at)
    )
    ending = select(Subscription).where(
        Subscription.provider_subscription_id.is_not(None), or_(Subscription.cancel_requested_at <= due_at, is_over)
    )
    if after is not None:
        ending = ending.where(Subscription.id > after)
    return session.scalars(ending.order_by(Subscription.id).limit(limit)).all()


def order_cancellation(session: Session, user_id: uuid.UUID, *, now: datetime) -> None:
    """Order the end of a user's subscriptions that may still be charged."""
    session.execute(
        update(Subscription)
        .where(
            Subscription.user_id == user_id,
            Subscription.provider_subscription_id.is_not(None),
            Subscription.provider_status.not_in(ENDED_AT_PROVIDER),
            Subscription.cancel_requested_at.is_(None),
        )
        .values(cancel_requested_at=now)
    )


def list_event_subjects(session: Session, user_id: uuid.UUID) -> Sequence[str]:
    """Return the provider's ids under which the inbox keeps events about a user."""
    columns = (
        select(Subscription.provider_subscription_id).where(Subscription.user_id == user_id),
        select(Subscription.provider_customer_id).where(Subscription.user_id == user_id),
        select(Payment.provider_payment_id).where(Payment.user_id == user_id),
    )
    return [subject for subject in session.scalars(union(*columns)) if subject is not None]
