"""Tables of accounts: users, plans, subscriptions, revoked sessions and e-mail verifications."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from whyviral.core.database import Base, Identified, one_of


class SubscriptionStatus(StrEnum):
    """Status of a subscription."""

    ACTIVE = "ACTIVE"
    PENDING = "PENDING"
    TRIAL = "TRIAL"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


CURRENT_STATUSES = (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL, SubscriptionStatus.CANCELING)
"""The statuses in which a subscription grants its plan; a user has at most one such subscription."""


IS_CURRENT = text("status in ('ACTIVE', 'TRIAL', 'CANCELING')")
"""`CURRENT_STATUSES` as SQL without parameters, which the partial unique index and its conflict clause require."""


class BillingProvider(StrEnum):
    """The payment provider of a subscription; a Free subscription has none."""

    STRIPE = "STRIPE"
    DODO = "DODO"


class BillingInterval(StrEnum):
    """The billing period of a plan."""

    MONTH = "month"


class RevocationReason(StrEnum):
    """Why a session ended: signed out here, or the reason that Clerk reports."""

    SIGNED_OUT = "signed_out"
    ENDED = "ended"
    REMOVED = "removed"
    REVOKED = "revoked"


class VerificationPurpose(StrEnum):
    """The purpose of a code sent by e-mail."""

    SIGN_UP = "sign_up"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - not a password


class User(Identified, Base):
    """A user, identified by Clerk's user id."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "email"), Index(None, "created_at"))

    clerk_user_id: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]
    full_name: Mapped[str | None]
    company_name: Mapped[str | None]
    profile_image: Mapped[str | None]
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    phone_or_wallet_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    """The verified contact of accounts without an e-mail address."""
    is_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    clerk_updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When Clerk last changed the values that this row copies; an older update is ignored."""
    is_named_here: Mapped[bool] = mapped_column(server_default=text("false"))
    """The user set `full_name` here, so Clerk's name no longer overwrites it."""


class Plan(Identified, Base):
    """A plan: its limits per platform and day, and its price."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint(
            "max_handles >= 0 and max_urls >= 0 and max_analyses_per_day >= 0"
            " and max_questions_per_day >= 0 and price_cents >= 0",
            name="not_negative",
        ),
        one_of("interval", BillingInterval),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    max_handles: Mapped[int]
    max_urls: Mapped[int]
    max_analyses_per_day: Mapped[int]
    max_questions_per_day: Mapped[int]
    price_cents: Mapped[int]
    interval: Mapped[str] = mapped_column(server_default=BillingInterval.MONTH)
    provider_product_id: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Subscription(Identified, Base):
    """A subscription of a user to a plan, current or past."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        one_of("status", SubscriptionStatus),
        one_of("provider", BillingProvider),
        Index(
            "uq_subscriptions_current_user_id",
            "user_id",
            unique=True,
            postgresql_where=IS_CURRENT,
        ),
        Index(None, "user_id", "created_at"),
        Index(None, "plan_id"),
        Index(None, "status"),
        Index(None, "downgrade_to_plan_id"),
        Index(None, "change_to_plan_id"),
        Index(None, "provider_customer_id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("plans.id"))
    status: Mapped[str] = mapped_column(server_default=SubscriptionStatus.PENDING)
    provider: Mapped[str | None]
    provider_customer_id: Mapped[str | None]
    provider_subscription_id: Mapped[str | None] = mapped_column(unique=True)
    current_period_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    current_period_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    downgrade_to_plan_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("plans.id"))
    downgrade_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The following are of a provider's subscription only; `whyviral.billing` writes them.
    provider_status: Mapped[str | None]
    """The provider's own status, which decides about access."""
    provider_payment_method_id: Mapped[str | None]
    provider_updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The provider's time of the newest report in this row."""
    provider_fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Our time of the last fetch; None: the row comes from events alone."""
    provider_digest: Mapped[str | None]
    """The hash of the report, which shows whether two reports of the same moment differ."""
    cancel_at_period_end: Mapped[bool] = mapped_column(server_default=text("false"))
    is_trial: Mapped[bool] = mapped_column(server_default=text("false"))
    past_due_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    checkout_session_id: Mapped[str | None] = mapped_column(unique=True)
    checkout_url: Mapped[str | None]
    change_to_plan_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("plans.id"))
    """The plan of an upgrade that was ordered and that the provider has not reported yet."""
    change_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cancel_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the account was deleted; the provider must end the subscription at once."""

    plan: Mapped[Plan] = relationship(lazy="raise", foreign_keys=[plan_id])
    downgrade_to_plan: Mapped[Plan | None] = relationship(lazy="raise", foreign_keys=[downgrade_to_plan_id])


class RevokedSession(Identified, Base):
    """A session that has ended although its tokens may not have expired yet."""

    __tablename__ = "revoked_sessions"
    __table_args__ = (one_of("reason", RevocationReason), Index(None, "created_at"))

    session_id: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]


class EmailVerification(Identified, Base):
    """A pending verification of an e-mail address by code; at most one per address and purpose."""

    __tablename__ = "email_verifications"
    __table_args__ = (
        UniqueConstraint("email_hash", "purpose"),
        one_of("purpose", VerificationPurpose),
        Index(None, "clerk_user_id"),
        Index(None, "expires_at"),
    )

    email_hash: Mapped[str]
    purpose: Mapped[str]
    clerk_user_id: Mapped[str]
    email_address_id: Mapped[str]
    verification_id: Mapped[str]
    """Clerk's id of the verification; it never leaves the server."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    proven_code_hash: Mapped[str | None]
    """Set once Clerk has accepted the code.

    Clerk accepts a code only once, and the password sent with it may have been too weak: the user may then send the
    same code again.
    """
