"""Every route of the API with its answer to each kind of caller. A missing route fails a test."""

import re
from dataclasses import dataclass
from typing import Any

POST_URL = "https://x.com/jack/status/20"
_NEW = {"email": "new@example.com"}
_PROOF = _NEW | {"code": "123456", "password": "correct horse battery"}

NOTE = {"post_analysis_id": "2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819", "title": "Idea", "content": "Be short."}

type Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """The status for each kind of caller. A row in the path belongs to the owner."""

    anonymous: int
    """A caller without a token."""
    stranger: int
    """A signed-in caller who does not own the row."""
    owner: int
    admin: int
    body: dict[str, Any] | None = None


def public(status: int, body: dict[str, Any] | None = None) -> Answers:
    """Return the answers of a public route."""
    return Answers(status, status, status, status, body)


def signed_in(status: int, body: dict[str, Any] | None = None) -> Answers:
    """Return the answers of a route about the caller."""
    return Answers(401, status, status, status, body)


OWN_ROW = Answers(401, stranger=404, owner=200, admin=404)
"""An administrator has no extra rights outside `/api/admin/`."""
ADMIN_ONLY = Answers(401, stranger=404, owner=404, admin=200)

MATRIX: dict[Route, Answers] = {
    ("GET", "/health/"): public(200),
    ("GET", "/health/live/"): public(200),
    ("GET", "/health/ready/"): public(200),
    ("GET", "/"): public(200),
    ("GET", "/console"): public(200),
    ("GET", "/console/"): public(200),
    ("GET", "/console/shared"): public(200),
    ("GET", "/console/shared/"): public(200),
    ("GET", "/console/sign-in"): public(404),  # it exists where Clerk signs users in
    ("GET", "/console/sign-in/"): public(404),
    ("GET", "/console/assets-{version}/{name:path}"): public(404),  # it has no such version
    ("GET", "/admin/"): public(308),  # it leads to another function
    ("POST", "/admin/"): public(308),
    ("GET", "/mcp/"): public(308),
    ("POST", "/mcp/"): public(308),
    ("GET", "/docs"): public(200),
    ("GET", "/docs/swagger-ui-bundle.js"): public(200),
    ("GET", "/docs/swagger-ui.css"): public(200),
    ("GET", "/docs/initializer.js"): public(200),
    ("GET", "/openapi.json"): public(200),
    ("GET", "/api/accounts/plans/"): public(200),
    ("POST", "/api/accounts/signup/"): public(201, _NEW),
    ("POST", "/api/accounts/signup/verify/"): public(400, _PROOF),
    ("POST", "/api/accounts/login/"): public(401, _NEW | {"password": "wrong"}),
    ("POST", "/api/accounts/reset-password/"): public(202, {"email": "reset@example.com"}),
    ("POST", "/api/accounts/reset-password/confirm/"): public(400, _PROOF),
    ("POST", "/api/accounts/logout/"): signed_in(200),
    ("GET", "/api/accounts/me/"): signed_in(200),
    ("PATCH", "/api/accounts/me/"): signed_in(200, {"full_name": "Ada"}),
    ("GET", "/api/accounts/me/export/"): signed_in(200),
    ("DELETE", "/api/accounts/me/"): signed_in(204),
    ("GET", "/api/accounts/subscription/"): signed_in(200),
    ("GET", "/api/accounts/usage/"): signed_in(200),
    ("GET", "/api/accounts/usage/limits/"): signed_in(200),
    ("GET", "/api/accounts/usage/history/"): signed_in(200),
    ("POST", "/api/analysis/analyze/"): signed_in(202, {"post_urls": [POST_URL]}),
    ("POST", "/api/analysis/estimate/"): signed_in(200, {"post_urls": [POST_URL]}),
    ("GET", "/api/analysis/requests/"): signed_in(200),
    ("GET", "/api/analysis/requests/{request_id}/"): OWN_ROW,
    ("DELETE", "/api/analysis/requests/{request_id}/"): Answers(401, stranger=404, owner=409, admin=404),
    ("GET", "/api/analysis/requests/{request_id}/events/"): OWN_ROW,
    ("GET", "/api/analysis/requests/{request_id}/export/"): OWN_ROW,
    ("POST", "/api/analysis/requests/{request_id}/share/"): Answers(401, stranger=404, owner=409, admin=404),
    ("DELETE", "/api/analysis/requests/{request_id}/share/"): Answers(401, stranger=404, owner=204, admin=404),
    ("GET", "/api/shared/{token}/"): public(404),
    ("POST", "/api/analysis/requests/{request_id}/retry/"): Answers(401, stranger=404, owner=409, admin=404),
    ("GET", "/api/social/posts/analysis/{analysis_request_id}/"): OWN_ROW,
    ("POST", "/api/analysis/chat/sessions/"): signed_in(404, {"post_analysis_id": NOTE["post_analysis_id"]}),
    ("GET", "/api/analysis/chat/sessions/list/"): signed_in(200),
    ("GET", "/api/analysis/chat/sessions/{chat_session_id}/"): signed_in(404),
    ("DELETE", "/api/analysis/chat/sessions/{chat_session_id}/"): signed_in(404),
    ("POST", "/api/analysis/chat/sessions/{chat_session_id}/messages/"): signed_in(404, {"content": "Why?"}),
    ("POST", "/api/analysis/chat/sessions/{chat_session_id}/messages/stream/"): signed_in(404, {"content": "Why?"}),
    ("GET", "/api/analysis/chat/sessions/{chat_session_id}/messages/{message_id}/stream/"): signed_in(404),
    ("GET", "/api/analysis/notes/"): signed_in(200),
    ("GET", "/api/analysis/notes/{post_analysis_id}/"): signed_in(404),
    ("POST", "/api/analysis/notes/save/"): signed_in(404, NOTE),
    ("DELETE", "/api/analysis/notes/{note_id}/delete/"): signed_in(404),
    ("POST", "/api/analysis/suggestions/{suggestion_id}/done/"): signed_in(
        404, {"url": "https://x.com/jack/status/20"}
    ),
    ("DELETE", "/api/analysis/suggestions/{suggestion_id}/done/"): signed_in(404),
    ("POST", "/api/feedback/"): signed_in(201, {"category": "idea", "text": "Compare posts."}),
    ("POST", "/api/billing/subscribe/"): signed_in(404, {"plan": "gold"}),
    ("POST", "/api/billing/upgrade/"): signed_in(404, {"plan": "gold"}),
    ("POST", "/api/billing/cancel/"): signed_in(409),
    ("POST", "/api/billing/cancel/undo/"): signed_in(409),
    ("POST", "/api/billing/portal/"): signed_in(404),
    ("GET", "/api/billing/payment-methods/"): signed_in(200),
    ("GET", "/api/billing/subscription/history/"): signed_in(200),
    ("GET", "/api/billing/invoices/{invoice_id}/pdf/"): Answers(401, stranger=404, owner=404, admin=404),
    ("GET", "/api/billing/subscription/success/"): public(200),
    ("GET", "/api/billing/subscription/cancel/"): public(200),
    ("GET", "/api/webhooks/endpoints/"): signed_in(200),
    ("POST", "/api/webhooks/endpoints/"): signed_in(201, {"url": "http://127.0.0.1:8080/hook"}),
    ("PATCH", "/api/webhooks/endpoints/{endpoint_id}/"): signed_in(404, {"is_enabled": False}),
    ("DELETE", "/api/webhooks/endpoints/{endpoint_id}/"): signed_in(404),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/secret/"): signed_in(404),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/test/"): signed_in(404),
    ("GET", "/api/webhooks/endpoints/{endpoint_id}/deliveries/"): signed_in(404),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver/"): signed_in(404),
    ("GET", "/api/admin/users/"): ADMIN_ONLY,
    ("GET", "/api/admin/requests/"): ADMIN_ONLY,
    ("GET", "/api/admin/requests/{request_id}/"): ADMIN_ONLY,
    ("GET", "/api/admin/external-calls/"): ADMIN_ONLY,
    ("GET", "/api/admin/costs/"): ADMIN_ONLY,
    ("GET", "/api/admin/auth-events/"): ADMIN_ONLY,
    ("GET", "/api/admin/webhooks/"): ADMIN_ONLY,
}
PUBLIC = {
    route for route, answers in MATRIX.items() if route[1].startswith("/api/") and answers.anonymous == answers.stranger
}
"""The routes that need no token."""


def address_of(path: str, row_id: object) -> str:
    """Return the path with the id of a row in place of its parameters."""
    return re.sub(r"\{\w+\}", str(row_id), path)
