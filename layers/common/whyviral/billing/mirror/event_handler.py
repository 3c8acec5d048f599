"""Handles the provider's events: each one is saved as what it reports, in any order of arrival."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import User
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.billing import repository
from whyviral.integrations.dodo.documents import (
    CreditBalance,
    CreditEntry,
    Dispute,
    Dunning,
    Payment,
    Refund,
    Subscription,
)
from whyviral.integrations.dodo.events import Document, document_of, envelope_of
from whyviral.webhooks.models import WebhookEvent

from .payments import save_credit, save_dispute, save_payment, save_refund
from .reports import Fetched, ObjectId, Reports
from .subscriptions import save_subscription


def handle(session: Session, event: WebhookEvent, fetched: Mapping[ObjectId, Fetched], *, now: datetime) -> None:
    """Save what an event reports. Repeating it, or handling events in another order, changes nothing.

    Locks are taken in this order: the event, the object of the provider, the user.

    Args:
        session: the transaction, in which the event's row is locked.
        event: the event, with its payload.
        fetched: what was fetched for this event so far.
        now: our time.

    Raises:
        FetchNeeded: only the provider knows; nothing was changed.
        UnreadableEvent: the document does not match its type.
        UnknownProduct: a subscription is to a product that is none of our plans.
        OwnerUnknown: the object belongs to no user.
    """
    envelope = envelope_of(event.payload)
    document = document_of(envelope)
    if document is None:
        if not envelope.is_known:
            _record(session, "event_unknown", event, level=EventLevel.WARNING)
        return
    user = _save(session, document, Reports(envelope.occurred_at, now, fetched))
    if user is not None and user.deleted_at is not None:
        event.payload = None  # it names the customer
    if isinstance(document, CreditBalance | Dunning):
        _record(session, envelope.type.replace(".", "_"), event, user_id=None if user is None else user.id)


def _save(session: Session, document: Document, reports: Reports) -> User | None:
    match document:
        case Subscription():
            return save_subscription(session, document, reports)
        case Payment():
            return save_payment(session, document, reports)
        case Refund():
            return save_refund(session, document, reports)
        case Dispute():
            return save_dispute(session, document, reports)
        case CreditEntry():
            return save_credit(session, document, reports)
        case CreditBalance() | Dunning():
            user_id = repository.find_user_id_of_customer(session, document.customer_id)
            return None if user_id is None else repository.get_user(session, user_id)


def _record(
    session: Session,
    name: str,
    event: WebhookEvent,
    *,
    user_id: uuid.UUID | None = None,
    level: EventLevel = EventLevel.INFO,
) -> None:
    details = {"event": str(event.id), "type": event.type}
    record_events(session, Event(EventCategory.BILLING, name, user_id, details=details, level=level))
