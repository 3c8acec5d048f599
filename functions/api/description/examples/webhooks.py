"""Examples of outgoing webhooks: Ada's endpoint, and the event about her analysis."""

from collections.abc import Mapping
from typing import Any

from functions.api.description import webhook_events
from functions.api.routers.webhooks import WebhookDeliveryList, WebhookEndpointList
from whyviral.webhooks.outgoing import schemas

from .constants import REQUEST_ID, page_of

_ENDPOINT_ID = "7c1f3a52-0b64-4c0e-9a3e-2f1f6f0f5f11"
_DELIVERY_ID = "0f9d8b7a-6c5e-4d3f-8a2b-1c0d9e8f7a6b"
_URL = "https://hooks.example.com/whyviral"
_NOW = "2026-11-28T12:00:41Z"
_EVENTS = ["analysis.completed", "analysis.failed"]
_ENDPOINT = {
    "id": _ENDPOINT_ID,
    "url": _URL,
    "description": "production",
    "events": _EVENTS,
    "is_enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-11-28T11:00:00Z",
    "updated_at": "2026-11-28T11:00:00Z",
}
_ATTEMPT = {"at": _NOW, "status": 204, "duration_ms": 87, "error": None}
_DELIVERY = {
    "id": _DELIVERY_ID,
    "type": "analysis.completed",
    "analysis_request_id": REQUEST_ID,
    "state": "DELIVERED",
    "attempts": 1,
    "next_attempt_at": None,
    "delivered_at": _NOW,
    "created_at": _NOW,
    "attempt_log": [_ATTEMPT],
}
_DATA = {
    "analysis_request_id": REQUEST_ID,
    "attempt": 1,
    "platform": "x",
    "status": "COMPLETED",
    "urls": 1,
    "explained": 1,
    "is_partial": False,
    "error_category": None,
}
_LINKED = _DATA | {"url": f"https://api.example.com/api/analysis/requests/{REQUEST_ID}/"}
_TESTED = {"endpoint_id": _ENDPOINT_ID}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.WebhookEndpointBody: {"url": _URL, "description": "production", "events": _EVENTS},
    schemas.WebhookEndpointChanges: {"is_enabled": False},
    schemas.WebhookEndpointOut: _ENDPOINT,
    schemas.NewWebhookEndpoint: _ENDPOINT | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
    schemas.DeliveryAttemptOut: _ATTEMPT,
    schemas.WebhookDeliveryOut: _DELIVERY,
    WebhookEndpointList: page_of(_ENDPOINT),
    WebhookDeliveryList: page_of(_DELIVERY),
    webhook_events.AnalysisEventLinked: _LINKED,
    webhook_events.AnalysisEvent: {"type": "analysis.completed", "timestamp": _NOW, "data": _LINKED},
    webhook_events.EndpointTested: _TESTED,
    webhook_events.EndpointTestEvent: {"type": "webhook.test", "timestamp": _NOW, "data": _TESTED},
}
