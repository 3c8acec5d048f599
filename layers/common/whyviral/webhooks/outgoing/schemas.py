"""JSON of the endpoints and deliveries of outgoing webhooks."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .models import MAX_DESCRIPTION_CHARS, MAX_URL_CHARS, DeliveryState, EventType, OutgoingDelivery

type AnalysisEventType = Literal[EventType.ANALYSIS_COMPLETED, EventType.ANALYSIS_FAILED]
_Events = Annotated[
    list[AnalysisEventType], Field(min_length=1, max_length=2, description="The events that the endpoint receives.")
]
_Description = Annotated[
    str, Field(max_length=MAX_DESCRIPTION_CHARS, description="A name for people, such as `staging`.")
]
_ALL_EVENTS: tuple[AnalysisEventType, ...] = (EventType.ANALYSIS_COMPLETED, EventType.ANALYSIS_FAILED)


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @field_validator("description", check_fields=False)
    @classmethod
    def _is_printable(cls, description: str | None) -> str | None:
        # Postgres stores no NUL, and half a surrogate pair has no UTF-8.
        if description is not None and not (description.isprintable() or description == ""):
            raise ValueError("write printable characters in one line")
        return description

    @field_validator("events", check_fields=False)
    @classmethod
    def _sorted(cls, events: list[EventType] | None) -> list[EventType] | None:
        return None if events is None else sorted(set(events))


class WebhookEndpointBody(_Change):
    """A new endpoint."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_URL_CHARS,
            description="Where events are sent: `https://`, on a host of the public internet.",
        ),
    ]
    description: _Description = ""
    events: _Events = Field(default_factory=lambda: list(_ALL_EVENTS))


class WebhookEndpointChanges(_Change):
    """Changes of an endpoint; fields that are left out stay as they are."""

    description: _Description | None = None
    events: _Events | None = None
    is_enabled: Annotated[
        bool | None,
        Field(description="False: no events are sent, and pending deliveries fail. True also ends a disabling by us."),
    ] = None


class WebhookEndpointOut(_Row):
    """An endpoint, without its signing secret."""

    id: uuid.UUID
    url: str
    description: str
    events: list[AnalysisEventType]
    is_enabled: bool
    disabled_reason: Annotated[
        str | None, Field(description="Why we disabled the endpoint; null if it is enabled or if you disabled it.")
    ]
    failing_since: Annotated[
        datetime | None, Field(description="The first failed attempt since the last success; null if there is none.")
    ]
    previous_secret_until: Annotated[
        datetime | None, Field(description="Until when the secret before the last rotation signs as well.")
    ]
    created_at: datetime
    updated_at: datetime


class NewWebhookEndpoint(WebhookEndpointOut):
    """A new endpoint, or one whose secret was rotated. The secret is shown this once."""

    secret: Annotated[str, Field(description="The signing secret of Standard Webhooks: `whsec_` and base64.")]


class DeliveryAttemptOut(BaseModel):
    """One attempt of a delivery."""

    at: datetime
    status: Annotated[int | None, Field(description="The HTTP status of the answer; null if there was none.")]
    duration_ms: int
    error: Annotated[str | None, Field(description="Why the attempt failed; null after a success.")]


class WebhookDeliveryOut(_Row):
    """An event for an endpoint, and the newest attempts to deliver it."""

    id: Annotated[uuid.UUID, Field(description="Also the header `webhook-id`, the same at every attempt.")]
    type: EventType
    analysis_request_id: uuid.UUID | None
    state: DeliveryState
    attempts: int
    next_attempt_at: Annotated[
        datetime | None, Field(description="Not before this time the delivery is tried again; null if it is not.")
    ]
    delivered_at: datetime | None
    created_at: datetime
    attempt_log: Annotated[list[DeliveryAttemptOut], Field(description="The newest 20 attempts, the oldest first.")]


def delivery_out(row: OutgoingDelivery) -> WebhookDeliveryOut:
    """Return a delivery as JSON shows it."""
    return WebhookDeliveryOut(
        id=row.id,
        type=EventType(row.type),
        analysis_request_id=row.analysis_request_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if row.state == DeliveryState.PENDING else None,
        delivered_at=row.delivered_at,
        created_at=row.created_at,
        attempt_log=[DeliveryAttemptOut.model_validate(attempt) for attempt in row.attempt_log],
    )
