"""Tables of billing: payment methods, payments, invoices, refunds, disputes and credits."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.accounts.models import BillingProvider, User
from whyviral.core.database import Base, Identified, one_of


class PaymentStatus(StrEnum):
    """Status of a payment."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    REFUNDED = "REFUNDED"
    """The whole amount was refunded."""


class RefundStatus(StrEnum):
    """Status of a refund."""

    PENDING = "PENDING"
    REVIEW = "REVIEW"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Mirrored:
    """Mixin for rows that mirror an object of the provider, with the version of the report that they hold."""

    provider_updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The provider's time of the newest report."""
    provider_fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Our time of the last fetch; None: the row comes from events alone."""
    provider_digest: Mapped[str]
    """The hash of the report, which shows whether two reports of the same moment differ."""


class PaymentMethod(Identified, Base):
    """A card or another method that paid for a subscription."""

    __tablename__ = "payment_methods"
    __table_args__ = (one_of("provider", BillingProvider), Index(None, "user_id", "created_at"))

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    provider: Mapped[str]
    provider_payment_method_id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    brand: Mapped[str | None]
    last_four: Mapped[str | None]
    expiry_month: Mapped[int | None]
    expiry_year: Mapped[int | None]
    provider_updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Payment(Identified, Mirrored, Base):
    """A payment for a subscription; `amount_cents` includes `tax_cents`."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("provider", BillingProvider),
        one_of("status", PaymentStatus),
        CheckConstraint(
            "amount_cents >= 0 and tax_cents between 0 and amount_cents and refunded_cents between 0 and amount_cents",
            name="amounts_add_up",
        ),
        Index(None, "user_id", "paid_at"),
        Index(None, "provider_subscription_id"),
        Index(None, "status"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    provider: Mapped[str]
    provider_payment_id: Mapped[str] = mapped_column(unique=True)
    provider_subscription_id: Mapped[str | None]
    provider_payment_method_id: Mapped[str | None]
    provider_status: Mapped[str | None]
    status: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    tax_cents: Mapped[int] = mapped_column(BigInteger)
    refunded_cents: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The sum of the refunds that succeeded."""
    currency: Mapped[str]
    charge_type: Mapped[str | None]
    error_code: Mapped[str | None]
    paid_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The provider's time of the payment's creation."""


class Invoice(Identified, Base):
    """The invoice of a payment that succeeded; its PDF is fetched from the provider."""

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("amount_cents >= 0 and tax_cents between 0 and amount_cents", name="not_negative"),
        Index(None, "user_id", "issued_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Payment.id), unique=True)
    provider_invoice_id: Mapped[str | None]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    tax_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    period_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    period_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Refund(Identified, Mirrored, Base):
    """A refund of a payment or of a part of it."""

    __tablename__ = "refunds"
    __table_args__ = (
        one_of("status", RefundStatus),
        CheckConstraint("amount_cents >= 0", name="not_negative"),
        Index(None, "user_id", "refunded_at"),
        Index(None, "payment_id"),
        Index(None, "status"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Payment.id))
    provider_refund_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str | None]
    refunded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Dispute(Identified, Mirrored, Base):
    """A dispute (chargeback) about a payment."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("amount_cents >= 0", name="not_negative"),
        Index(None, "user_id", "disputed_at"),
        Index(None, "payment_id"),
        Index(None, "status"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Payment.id))
    provider_dispute_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    """The provider's word, such as dispute_opened or dispute_won."""
    stage: Mapped[str | None]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    disputed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Credit(Identified, Base):
    """An entry of the provider's credit ledger, in the provider's units; an entry never changes."""

    __tablename__ = "credits"
    __table_args__ = (Index(None, "user_id", "credited_at"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    provider_entry_id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    balance_after: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    is_credit: Mapped[bool]
    credited_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
