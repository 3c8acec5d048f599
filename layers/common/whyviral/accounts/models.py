"""Tables of accounts: users, what they can buy, and what they have."""

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
"""The statuses in which a subscription gives its user a plan; a user has at most one such."""


IS_CURRENT = text("status in ('ACTIVE', 'TRIAL', 'CANCELING')")
"""The same as SQL without parameters, as the partial unique index and its conflict clause need it."""


class BillingProvider(StrEnum):
    """The payment provider of a subscription; a Free one has none."""

    STRIPE = "STRIPE"
    DODO = "DODO"


class BillingInterval(StrEnum):
    """How often a plan is paid."""

    MONTH = "month"


class RevocationReason(StrEnum):
    """How a session ended: here, or as Clerk tells it."""

    SIGNED_OUT = "signed_out"
    ENDED = "ended"
    REMOVED = "removed"
    REVOKED = "revoked"


class VerificationPurpose(StrEnum):
    """What a code sent by e-mail is for."""

    SIGN_UP = "sign_up"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - not a password


class User(Identified, Base):
    """A person, known by Clerk's id."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "email"), Index(None, "created_at"))

    clerk_user_id: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]
    full_name: Mapped[str | None]
    company_name: Mapped[str | None]
    profile_image: Mapped[str | None]
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    phone_or_wallet_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    """Accounts without an e-mail address have one of these."""
    is_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    clerk_updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When Clerk last changed what this row copies from it; older news is not news."""
    is_named_here: Mapped[bool] = mapped_column(server_default=text("false"))
    """The user chose `full_name` here, so Clerk's name no longer counts."""


class Plan(Identified, Base):
    """What a subscription allows, per platform and day, and what it costs."""

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
    """A user's plan over time."""

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

    plan: Mapped[Plan] = relationship(lazy="raise", foreign_keys=[plan_id])
    downgrade_to_plan: Mapped[Plan | None] = relationship(lazy="raise", foreign_keys=[downgrade_to_plan_id])


class RevokedSession(Identified, Base):
    """A session that has ended although tokens of it may not have expired."""

    __tablename__ = "revoked_sessions"
    __table_args__ = (one_of("reason", RevocationReason), Index(None, "created_at"))

    session_id: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]


class EmailVerification(Identified, Base):
    """A code on its way to an address and back; at most one per address and purpose."""

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
    """Clerk's name for it, which never leaves the server."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    proven_code_hash: Mapped[str | None]
    """Set once Clerk took the code: it takes it once only, and the password sent along may yet have been too weak."""
