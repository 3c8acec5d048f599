"""Processes the inbox events that queue messages name; only failed messages are delivered again."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.billing.mirror import event_handler
from whyviral.billing.mirror.fetches import ConnectReader, Fetches
from whyviral.billing.mirror.reports import FetchNeeded
from whyviral.core.clock import utc_now
from whyviral.core.database import session_scope
from whyviral.core.telemetry.catalogue import QUEUE_WAIT
from whyviral.core.telemetry.metrics import record
from whyviral.webhooks import inbox
from whyviral.webhooks.models import EventProvider, WebhookEvent

from . import clerk_events


class EventFailed(Exception):
    """Processing an event failed; the failure is recorded in the inbox and the log."""


class UnreadableMessage(Exception):
    """The body of a queue message does not name an event."""


class _Message(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    event: uuid.UUID


def process_batch(engine: Engine, batch: Mapping[str, Any], *, dodo: ConnectReader, logger: Logger) -> dict[str, Any]:
    """Process the events that an SQS batch names and return the ids of the failed messages, in Lambda's format."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(list(batch["Records"]), lambda record: _process(engine, record, dodo, logger)):
        processor.process()
    return dict(processor.response())


def _process(engine: Engine, message: SQSRecord, dodo: ConnectReader, logger: Logger) -> None:
    event_id = _event_id(message, logger)
    sent_at = datetime.fromtimestamp(int(message.attributes.sent_timestamp) / 1000, UTC)
    record(QUEUE_WAIT, (utc_now() - sent_at).total_seconds(), Queue="webhooks")
    try:
        process_event(event_id, Fetches(engine, dodo, utc_now))
    except Exception as exc:
        error = type(exc).__name__
        logger.error("event failed", extra={"event": str(event_id), "error": error})  # noqa: TRY400 - messages quote rows
        with session_scope(engine) as session:
            inbox.record_failure(session, event_id, error)
            record_events(session, _event("webhook_failed", event_id, EventLevel.ERROR, error=error))
        raise EventFailed from exc


def process_event(event_id: uuid.UUID, fetches: Fetches) -> None:
    """Process one event in one transaction, which starts again after each fetch that it needs."""
    while True:
        try:
            with session_scope(fetches.engine) as session:
                act = partial(_act, session, fetches)
                inbox.process(session, event_id, act, now=fetches.clock())
        except FetchNeeded as needed:
            fetches.add(needed)
        else:
            return


def _event_id(message: SQSRecord, logger: Logger) -> uuid.UUID:
    """Return the event id in a message.

    Raises:
        UnreadableMessage: the body has no event id; the message ends in the dead-letter queue, which has an alarm.
    """
    try:
        return _Message.model_validate_json(message.body).event
    except ValidationError:
        logger.error("queue message unreadable", extra={"message_id": message.message_id})  # noqa: TRY400 - quotes the body
        raise UnreadableMessage from None


def _act(session: Session, fetches: Fetches, event: WebhookEvent) -> None:
    if event.provider == EventProvider.DODO:
        event_handler.handle(session, event, fetches.fetched, now=fetches.clock())
    else:
        clerk_events.act_on(session, event)
    record_events(
        session, _event("webhook_processed", event.id, EventLevel.INFO, provider=event.provider, type=event.type)
    )


def _event(name: str, event_id: uuid.UUID, level: EventLevel, **details: str) -> Event:
    return Event(EventCategory.SYSTEM, name, details={"event": str(event_id), **details}, level=level)
