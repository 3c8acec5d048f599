"""The billing history of a user: subscriptions, payments, invoices, refunds and credits in one list, newest first."""

import uuid
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Numeric, Select, Text, case, literal, null, select, union_all
from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan, Subscription
from whyviral.core.pagination import Page, read_page

from .models import Credit, Invoice, Payment, Refund
from .schemas import HistoryKind

_TYPES: dict[str, Any] = {
    "status": Text,
    "plan": Text,
    "amount_cents": BigInteger,
    "tax_cents": BigInteger,
    "refunded_cents": BigInteger,
    "currency": Text,
    "credits": Numeric,
    "period_start": DateTime(timezone=True),
    "period_end": DateTime(timezone=True),
}


def read_history(session: Session, user_id: uuid.UUID, *, page: int) -> Page[Any]:
    """Return a page of the user's history; each row has the fields of `HistoryEntryOut`."""
    entries = union_all(
        _entries(
            HistoryKind.SUBSCRIPTION,
            Subscription,
            Subscription.created_at,
            status=Subscription.status,
            plan=Plan.slug,
            period_start=Subscription.current_period_start,
            period_end=Subscription.current_period_end,
        )
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(Subscription.user_id == user_id, Subscription.provider.is_not(None)),
        _entries(
            HistoryKind.PAYMENT,
            Payment,
            Payment.paid_at,
            status=Payment.status,
            amount_cents=Payment.amount_cents,
            tax_cents=Payment.tax_cents,
            refunded_cents=Payment.refunded_cents,
            currency=Payment.currency,
        ).where(Payment.user_id == user_id),
        _entries(
            HistoryKind.INVOICE,
            Invoice,
            Invoice.issued_at,
            amount_cents=Invoice.amount_cents,
            tax_cents=Invoice.tax_cents,
            currency=Invoice.currency,
            period_start=Invoice.period_start,
            period_end=Invoice.period_end,
        ).where(Invoice.user_id == user_id),
        _entries(
            HistoryKind.REFUND,
            Refund,
            Refund.refunded_at,
            status=Refund.status,
            amount_cents=Refund.amount_cents,
            currency=Refund.currency,
        ).where(Refund.user_id == user_id),
        _entries(
            HistoryKind.CREDIT,
            Credit,
            Credit.credited_at,
            credits=case((Credit.is_credit, Credit.amount), else_=-Credit.amount),
        ).where(Credit.user_id == user_id),
    ).subquery()
    return read_page(session, select(*entries.c).order_by(entries.c.at.desc(), entries.c.kind, entries.c.id), page)


def _entries(kind: HistoryKind, model: Any, at: Any, **columns: Any) -> Select[*tuple[Any, ...]]:
    fields = [_typed(columns.get(name, null()), name, sql_type) for name, sql_type in _TYPES.items()]
    return select(literal(kind.value).label("kind"), model.id.label("id"), at.label("at"), *fields)


def _typed(column: Any, name: str, sql_type: Any) -> Column[Any]:
    typed: Column[Any] = column.cast(sql_type).label(name)
    return typed
