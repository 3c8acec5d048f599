"""Events of the inbox are acted on, as the queue names them; one that fails comes again, the others do not."""

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel, Field
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.core.clock import utc_now
from whyviral.core.database import session_scope
from whyviral.webhooks import inbox
from whyviral.webhooks.models import EventProvider, WebhookEvent

from . import clerk_events

_ACTIONS: dict[str, Callable[[Session, WebhookEvent], None]] = {EventProvider.CLERK: clerk_events.act_on}


class QueueRecord(BaseModel):
    """One message."""

    message_id: str = Field(alias="messageId")
    body: str


class QueueBatch(BaseModel):
    """What SQS hands to the function."""

    records: Sequence[QueueRecord] = Field(alias="Records")


def process_batch(engine: Engine, batch: QueueBatch, *, logger: Logger) -> dict[str, Any]:
    """Act on each event and return which messages must come again."""
    failed = [record.message_id for record in batch.records if not _process(engine, record, logger)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _process(engine: Engine, record: QueueRecord, logger: Logger) -> bool:
    event_id = uuid.UUID(json.loads(record.body)["event"])
    try:
        with session_scope(engine) as session:
            inbox.process(session, event_id, lambda event: _act(session, event), now=utc_now())
    except Exception as exc:  # noqa: BLE001 - the outermost edge: one event's bug must not repeat the others
        error = type(exc).__name__
        logger.error("event failed", extra={"event": str(event_id), "error": error})  # noqa: TRY400 - messages quote rows
        with session_scope(engine) as session:
            inbox.record_failure(session, event_id, error)
            record_events(session, _event("webhook_failed", event_id, EventLevel.ERROR, error=error))
        return False
    return True


def _act(session: Session, event: WebhookEvent) -> None:
    _ACTIONS[event.provider](session, event)
    record_events(
        session, _event("webhook_processed", event.id, EventLevel.INFO, provider=event.provider, type=event.type)
    )


def _event(name: str, event_id: uuid.UUID, level: EventLevel, **details: str) -> Event:
    return Event(EventCategory.SYSTEM, name, details={"event": str(event_id), **details}, level=level)
