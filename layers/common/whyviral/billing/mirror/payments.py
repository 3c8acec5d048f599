"""Saves the provider's reports about payments, refunds, disputes and credits."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import BillingProvider, User
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.billing import repository
from whyviral.billing.models import Credit, Dispute, Mirrored, Payment, Refund, RefundStatus
from whyviral.integrations.dodo import documents
from whyviral.integrations.dodo.documents import ChargeType, PaymentState

from .amounts import amounts_of, payment_status_of
from .lifecycle import Version
from .owners import find_owner
from .reports import FetchNeeded, ObjectId, ObjectKind, Reports

_CARD = "card"


@dataclass(frozen=True, slots=True)
class _PaymentFacts:
    status: str | None
    amount_cents: int
    tax_cents: int
    currency: str
    subscription_id: str | None
    payment_method_id: str | None
    charge_type: str | None
    error_code: str | None
    invoice_id: str | None
    paid_at: datetime
    period: tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True)
class _RefundFacts:
    status: RefundStatus
    amount_cents: int | None
    currency: str | None
    reason: str | None
    refunded_at: datetime


@dataclass(frozen=True, slots=True)
class _DisputeFacts:
    status: str
    stage: str
    amount_cents: int
    currency: str
    disputed_at: datetime


def save_payment(session: Session, reported: documents.Payment, reports: Reports) -> User:
    """Save a reported payment with its invoice and its payment method, and return its user.

    Raises:
        FetchNeeded: only the provider knows which report is newer.
        OwnerUnknown: the payment belongs to no user.
        InconsistentAmounts: its amounts cannot be true.
    """
    wanted = ObjectId(ObjectKind.PAYMENT, reported.payment_id)
    repository.lock_object(session, reported.payment_id)
    row = repository.find_payment(session, reported.payment_id)
    user = _owner(session, reported, row)
    known = _version_of(row)
    document = reports.newest(wanted, reported, known=known)
    facts = _payment_facts(document)
    version = reports.decide(wanted, document, facts, known=known)
    if version is None:
        return user
    if row is None:
        row = Payment(user_id=user.id, provider=BillingProvider.DODO, provider_payment_id=document.payment_id)
        session.add(row)
    _copy_payment(row, facts)
    _set_version(row, version)
    _settle_refunds(session, row)
    session.flush()
    if facts.status == PaymentState.SUCCEEDED:
        _save_invoice(session, row, facts)
        if user.deleted_at is None:
            _save_method(session, user.id, document, reported_at=version.updated_at)
    elif facts.charge_type == ChargeType.PLAN_CHANGE and facts.subscription_id is not None:
        _end_failed_change(session, facts)
    return user


def save_refund(session: Session, reported: documents.Refund, reports: Reports) -> User:
    """Save a reported refund and what it leaves of its payment; it changes no plan.

    Raises:
        FetchNeeded: only the provider knows which report is newer, or the payment is not known yet.
        OwnerUnknown: the payment belongs to no user.
    """
    payment, user = _payment_of(session, reported.payment_id, reports)
    wanted = ObjectId(ObjectKind.REFUND, reported.refund_id)
    row = repository.find_refund(session, reported.refund_id)
    known = _version_of(row)
    document = reports.newest(wanted, reported, known=known)
    status = RefundStatus(document.status.upper())
    facts = _RefundFacts(status, document.amount, document.currency, document.reason, document.created_at)
    version = reports.decide(wanted, document, facts, known=known)
    if version is None:
        return user
    if row is None:
        row = Refund(user_id=payment.user_id, payment_id=payment.id, provider_refund_id=document.refund_id)
        session.add(row)
    row.status = status
    row.amount_cents = payment.amount_cents if facts.amount_cents is None else facts.amount_cents
    row.currency = facts.currency or payment.currency
    row.reason = None if user.deleted_at is not None else facts.reason
    row.refunded_at = facts.refunded_at
    _set_version(row, version)
    session.flush()
    _settle_refunds(session, payment)
    _flag(session, "refund_reported", user.id, refund=document.refund_id, status=status, cents=row.amount_cents)
    return user


def save_dispute(session: Session, reported: documents.Dispute, reports: Reports) -> User:
    """Save a reported dispute; it changes no plan.

    Raises:
        FetchNeeded: only the provider knows which report is newer, or the payment is not known yet.
        OwnerUnknown: the payment belongs to no user.
    """
    payment, user = _payment_of(session, reported.payment_id, reports)
    wanted = ObjectId(ObjectKind.DISPUTE, reported.dispute_id)
    row = repository.find_dispute(session, reported.dispute_id)
    known = _version_of(row)
    document = reports.newest(wanted, reported, known=known)
    facts = _DisputeFacts(
        document.dispute_status, document.dispute_stage, document.amount, document.currency, document.created_at
    )
    version = reports.decide(wanted, document, facts, known=known)
    if version is None:
        return user
    if row is None:
        row = Dispute(user_id=payment.user_id, payment_id=payment.id, provider_dispute_id=document.dispute_id)
        session.add(row)
    row.status, row.stage = facts.status, facts.stage
    row.amount_cents, row.currency = facts.amount_cents, facts.currency
    row.disputed_at = facts.disputed_at
    _set_version(row, version)
    _flag(session, "dispute_reported", user.id, dispute=document.dispute_id, status=facts.status)
    return user


def save_credit(session: Session, entry: documents.CreditEntry, reports: Reports) -> User:
    """Save an entry of the provider's credit ledger, once, and return its user.

    Raises:
        FetchNeeded: the customer is not known yet.
        OwnerUnknown: the customer is no user's.
    """
    user_id = repository.find_user_id_of_customer(session, entry.customer_id)
    if user_id is None:
        wanted = ObjectId(ObjectKind.CUSTOMER, entry.customer_id)
        customer = reports.fetched_document(wanted)
        if not isinstance(customer, documents.Customer):
            raise FetchNeeded(wanted, known=None)
        user_id = find_owner(session, metadata=customer.metadata, customer=customer)
    values = {
        "user_id": user_id,
        "provider_entry_id": entry.id,
        "kind": entry.transaction_type,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "is_credit": entry.is_credit,
        "credited_at": entry.created_at,
    }
    repository.insert_once(session, Credit, values, key=Credit.provider_entry_id)
    return repository.get_user(session, user_id)


def _owner(session: Session, reported: documents.Payment, row: Payment | None) -> User:
    if row is not None:
        return repository.get_user(session, row.user_id)
    owner_id = find_owner(
        session, metadata=reported.metadata, customer=reported.customer, subscription_id=reported.subscription_id
    )
    return repository.get_user(session, owner_id)


def _payment_of(session: Session, payment_id: str, reports: Reports) -> tuple[Payment, User]:
    """Return the payment of a refund or a dispute, locked; one that is not known yet is saved as fetched."""
    repository.lock_object(session, payment_id)
    row = repository.find_payment(session, payment_id)
    if row is None:
        wanted = ObjectId(ObjectKind.PAYMENT, payment_id)
        fetched = reports.fetched_document(wanted)
        if not isinstance(fetched, documents.Payment):
            raise FetchNeeded(wanted, known=None)
        save_payment(session, fetched, reports)
        row = repository.find_payment(session, payment_id)
    if row is None:
        raise RuntimeError("the payment that was just saved is missing")
    return row, repository.get_user(session, row.user_id)


def _payment_facts(document: documents.Payment) -> _PaymentFacts:
    periods = document.service_periods or ()
    return _PaymentFacts(
        status=document.status,
        amount_cents=document.total_amount,
        tax_cents=document.tax or 0,
        currency=document.currency,
        subscription_id=document.subscription_id,
        payment_method_id=document.payment_method_id,
        charge_type=document.charge_type,
        error_code=document.error_code,
        invoice_id=document.invoice_id,
        paid_at=document.created_at,
        period=(periods[0].starts_at, periods[0].ends_at) if periods else None,
    )


def _copy_payment(row: Payment, facts: _PaymentFacts) -> None:
    row.provider_status = facts.status
    row.provider_subscription_id = facts.subscription_id
    row.provider_payment_method_id = facts.payment_method_id
    row.amount_cents, row.tax_cents, row.currency = facts.amount_cents, facts.tax_cents, facts.currency
    row.charge_type, row.error_code, row.paid_at = facts.charge_type, facts.error_code, facts.paid_at


def _settle_refunds(session: Session, row: Payment) -> None:
    refunds = [] if row.id is None else repository.list_succeeded_refunds(session, row.id)
    amounts = amounts_of(row.amount_cents, row.tax_cents, refunds)
    row.refunded_cents = amounts.refunded_cents
    row.status = payment_status_of(row.provider_status, amounts)


def _save_invoice(session: Session, row: Payment, facts: _PaymentFacts) -> None:
    if facts.invoice_id is None:
        return
    start, end = facts.period or (None, None)
    invoice = {
        "user_id": row.user_id,
        "payment_id": row.id,
        "provider_invoice_id": facts.invoice_id,
        "amount_cents": facts.amount_cents,
        "tax_cents": facts.tax_cents,
        "currency": facts.currency,
        "period_start": start,
        "period_end": end,
        "issued_at": facts.paid_at,
    }
    repository.save_invoice(session, invoice)


def _save_method(session: Session, user_id: uuid.UUID, document: documents.Payment, *, reported_at: datetime) -> None:
    if document.payment_method_id is None:
        return
    method = {
        "user_id": user_id,
        "provider": BillingProvider.DODO,
        "provider_payment_method_id": document.payment_method_id,
        "kind": document.payment_method or _CARD,
        "brand": document.card_network,
        "last_four": document.card_last_four,
        "expiry_month": None if document.card_exp_month is None else int(document.card_exp_month),
        "expiry_year": None if document.card_exp_year is None else int(document.card_exp_year),
        "provider_updated_at": reported_at,
    }
    repository.save_payment_method(session, method)


def _end_failed_change(session: Session, facts: _PaymentFacts) -> None:
    """Forget an ordered upgrade whose payment failed, so that the user can order it again."""
    if facts.status in (PaymentState.FAILED, PaymentState.CANCELLED):
        repository.end_plan_change(session, str(facts.subscription_id), requested_before=facts.paid_at)


def _version_of(row: Mirrored | None) -> Version | None:
    return None if row is None else Version(row.provider_updated_at, row.provider_digest, row.provider_fetched_at)


def _set_version(row: Mirrored, version: Version) -> None:
    row.provider_updated_at = version.updated_at
    row.provider_digest = version.digest
    row.provider_fetched_at = version.fetched_at


def _flag(session: Session, name: str, user_id: uuid.UUID, **details: str | int) -> None:
    """Record what administrators must look at."""
    record_events(session, Event(EventCategory.BILLING, name, user_id, details=details, level=EventLevel.WARNING))
