"""Examples of administration: the same user and request, as an administrator sees them."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.admin import (
    AdminRequestList,
    AuthEventList,
    CostList,
    ExternalCallList,
    UserList,
    WebhookList,
)
from whyviral.admin.analyses import AnyRequest, AnyRequestOut, TimelineOut
from whyviral.admin.logs import AuthenticationOut, CallOut, DayOut, EventOut
from whyviral.admin.users import UserOverview
from whyviral.admin.webhook_events import WebhookOut

from .accounts import PLAN, PROFILE
from .analyses import POST_OF_REQUEST, STEP, SUMMARY
from .constants import ENDED_AT, REQUEST_ID, STARTED_AT, USER_ID, page_of

_CLERK_USER_ID = "user_2x9Example"
_USER = {
    "id": USER_ID,
    "clerk_user_id": _CLERK_USER_ID,
    "email": PROFILE["email"],
    "email_verified": PROFILE["email_verified"],
    "full_name": PROFILE["full_name"],
    "company_name": PROFILE["company_name"],
    "is_admin": PROFILE["is_admin"],
    "plan": PLAN["slug"],
    "subscription_status": "ACTIVE",
    "created_at": PROFILE["created_at"],
    "deleted_at": None,
}
_REQUEST = SUMMARY | {
    "user_id": USER_ID,
    "execution_arn": f"arn:aws:states:eu-central-1:000000000000:execution:analysis:{REQUEST_ID}-1",
}
_REQUEST_WITH_HISTORY = {**_REQUEST, "status_history": [STEP], "posts": [POST_OF_REQUEST]}
_CALL = {
    "id": "6a7b8c9d-0e1f-4a2b-8c3d-4e5f6a7b8c9d",
    "provider": "gemini",
    "operation": "POST /v1beta/models/gemini-3.8-flash:generateContent",
    "started_at": "2026-11-27T09:30:58Z",
    "duration_ms": 12_800,
    "status": 200,
    "error_category": None,
    "cost_usd": SUMMARY["cost_usd"],
    "model": "gemini-3.8-flash",
    "input_tokens": 2_480,
    "output_tokens": 612,
    "is_stand_in": False,
    "analysis_request_id": REQUEST_ID,
    "attempt": 1,
    "step": "analysing",
    "user_id": None,
}
_EVENT = {
    "id": "8c9d0e1f-2a3b-4c4d-9e5f-6a7b8c9d0e1f",
    "category": "ANALYSIS",
    "level": "INFO",
    "event": "analysis_admitted",
    "user_id": USER_ID,
    "analysis_request_id": REQUEST_ID,
    "details": {"platform": "x", "urls": 1},
    "created_at": STARTED_AT,
}
_DAY = {
    "day": "2026-11-27",
    "provider": "gemini",
    "calls": 1,
    "failed": 0,
    "unpriced": 0,
    "cost_usd": SUMMARY["cost_usd"],
}
_AUTHENTICATION = {
    "id": "a0b1c2d3-e4f5-4061-8273-8495a6b7c8d9",
    "event": "sign_in",
    "outcome": "succeeded",
    "reason": None,
    "user_id": USER_ID,
    "actor": None,
    "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "created_at": STARTED_AT,
}
_WEBHOOK = {
    "id": "b1c2d3e4-f506-4172-8394-a5b6c7d8e9f0",
    "provider": "clerk",
    "event_id": "msg_2xExample",
    "type": "user.updated",
    "subject_id": _CLERK_USER_ID,
    "occurred_at": STARTED_AT,
    "state": "PROCESSED",
    "attempts": 1,
    "error": None,
    "processed_at": ENDED_AT,
    "created_at": STARTED_AT,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    UserOverview: _USER,
    UserList: page_of(_USER),
    AnyRequestOut: _REQUEST,
    AdminRequestList: page_of(_REQUEST),
    AnyRequest: _REQUEST_WITH_HISTORY,
    TimelineOut: {"request": _REQUEST_WITH_HISTORY, "external_calls": [_CALL], "events": [_EVENT]},
    CallOut: _CALL,
    ExternalCallList: page_of(_CALL),
    EventOut: _EVENT,
    DayOut: _DAY,
    CostList: page_of(_DAY),
    AuthenticationOut: _AUTHENTICATION,
    AuthEventList: page_of(_AUTHENTICATION),
    WebhookOut: _WEBHOOK,
    WebhookList: page_of(_WEBHOOK),
}
