"""Sends the deliveries that queue messages name; only messages whose work could not be recorded are delivered again."""

import uuid
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.webhooks.outgoing.attempts import TakenDelivery
from whyviral.webhooks.outgoing.sender import Sender


class DeliveryBroken(Exception):
    """An attempt could not be made or recorded; the log names the cause."""


class UnreadableMessage(Exception):
    """The body of a queue message does not name a delivery."""


class _Message(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    delivery: uuid.UUID


def send_batch(sender: Sender, batch: Mapping[str, Any], *, logger: Logger) -> dict[str, Any]:
    """Make one attempt of each delivery that an SQS batch names.

    Returns the ids of the broken messages, in Lambda's format. An endpoint that refuses a delivery breaks no message:
    its row says when the next attempt is.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(list(batch["Records"]), lambda record: _send(sender, record, logger)):
        processor.process()
    return dict(processor.response())


def record_disabled(session: Session, delivery: TakenDelivery, reason: str) -> None:
    """Record for operators that an endpoint was disabled; its user sees the reason beside the endpoint."""
    details = {"endpoint": str(delivery.endpoint_id), "delivery": str(delivery.id), "reason": reason}
    event = Event(
        EventCategory.SYSTEM,
        "webhook_endpoint_disabled",
        delivery.user_id,
        delivery.analysis_request_id,
        details,
        EventLevel.WARNING,
    )
    record_events(session, event)


def _send(sender: Sender, record: SQSRecord, logger: Logger) -> None:
    delivery_id = _delivery_id(record, logger)
    try:
        sender.send(delivery_id)
    except Exception as exc:
        error = type(exc).__name__
        logger.error("delivery broken", extra={"delivery": str(delivery_id), "error": error})  # noqa: TRY400 - messages quote rows
        raise DeliveryBroken from exc


def _delivery_id(record: SQSRecord, logger: Logger) -> uuid.UUID:
    """Return the delivery's id in a message.

    Raises:
        UnreadableMessage: the body has none; the message ends in the dead-letter queue, which has an alarm.
    """
    try:
        return _Message.model_validate_json(record.body).delivery
    except ValidationError:
        logger.error("queue message unreadable", extra={"message_id": record.message_id})  # noqa: TRY400 - quotes the body
        raise UnreadableMessage from None
