"""The events that outgoing webhooks send, as the `webhooks` section of the OpenAPI description shows them."""

import uuid
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, Response
from pydantic import BaseModel, Field

from whyviral.analysis.outcome import AnalysisEventData
from whyviral.webhooks.outgoing.models import EventType
from whyviral.webhooks.outgoing.schemas import AnalysisEventType

_Timestamp = Annotated[datetime, Field(description="When the event happened, the same at every attempt.")]
_Id = Annotated[str, Header(description="The id of the delivery. A repeated one was processed before.")]
_SentAt = Annotated[str, Header(description="Unix seconds of this attempt. Refuse one older than five minutes.")]
_Signature = Annotated[str, Header(description="Signatures of Standard Webhooks, separated by spaces.")]


class AnalysisEventLinked(AnalysisEventData):
    """What a webhook reports about an ended analysis: ids, states and counts, no content."""

    url: Annotated[str, Field(description="The address of the analysis in this API; reading it needs a token.")]


class AnalysisEvent(BaseModel):
    """An analysis has ended."""

    type: AnalysisEventType
    timestamp: _Timestamp
    data: AnalysisEventLinked


class EndpointTested(BaseModel):
    """What a test event reports."""

    endpoint_id: uuid.UUID


class EndpointTestEvent(BaseModel):
    """A user tries an endpoint."""

    type: Literal[EventType.TEST]
    timestamp: _Timestamp
    data: EndpointTested


def install_webhook_events(app: FastAPI) -> None:
    """Describe the events. They are requests from us to a user's endpoint, not routes of this API."""
    meanings = {
        EventType.ANALYSIS_COMPLETED: (AnalysisEvent, "An analysis has ended, and at least one post is explained."),
        EventType.ANALYSIS_FAILED: (AnalysisEvent, "An analysis has ended without an explanation."),
        EventType.TEST: (EndpointTestEvent, "A user tries an endpoint."),
    }
    for event, (model, meaning) in meanings.items():
        app.webhooks.add_api_route(
            event,
            _receive(model),
            methods=["POST"],
            operation_id=f"receive_{event.value.replace('.', '_')}",
            summary=event.value,
            description=f"{meaning} Answer with any 2xx status within ten seconds.",
            status_code=HTTPStatus.NO_CONTENT,
            response_class=Response,
            response_description="The event was received.",
            tags=["webhooks"],
        )


def _receive(model: type[BaseModel]) -> Callable[..., None]:
    """Return a function with the parameters of a receiver, from which FastAPI derives the description."""

    def receive(event: Any, webhook_id: _Id, webhook_timestamp: _SentAt, webhook_signature: _Signature) -> None:
        pass

    receive.__annotations__["event"] = model
    return receive
