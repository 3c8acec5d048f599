"""Ends the subscriptions of a deleted account, so that nothing is charged any more."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.webhooks import inbox
from whyviral.webhooks.models import EventProvider

from . import repository


def order_cancellation(session: Session, user_id: uuid.UUID, *, now: datetime) -> None:
    """Order the end of a user's subscriptions, and erase the events that name the customer.

    The order is saved with the deletion; a scheduled job carries it out at the provider within minutes.
    """
    # Events come first: a transaction that processes one locks it before it locks the subscription.
    for subject_id in repository.list_event_subjects(session, user_id):
        inbox.erase(session, EventProvider.DODO, subject_id)
    repository.order_cancellation(session, user_id, now=now)
