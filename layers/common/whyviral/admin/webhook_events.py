"""The webhook inbox for administrators: events with their processing state, without their payloads."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from whyviral.core.pagination import Page, read_page
from whyviral.webhooks.models import EventProvider, EventState, WebhookEvent


class WebhookOut(BaseModel):
    """One webhook event of the inbox."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    provider: EventProvider
    event_id: str
    type: str
    subject_id: str | None
    occurred_at: datetime | None
    state: EventState
    attempts: int
    error: str | None
    processed_at: datetime | None
    created_at: datetime


def list_webhooks(session: Session, *, page: int, state: EventState | None = None) -> Page[Any]:
    """Return a page of the webhook inbox, latest first."""
    query = select(WebhookEvent).order_by(WebhookEvent.created_at.desc(), WebhookEvent.id)
    if state is not None:
        query = query.where(WebhookEvent.state == state)
    return read_page(session, query, page)
