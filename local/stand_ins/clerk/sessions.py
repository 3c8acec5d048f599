"""Sessions, their tokens, and the tickets that start them. Source: clerk/openapi-specs, bapi 2026-05-12."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from local.stand_ins.clerk.errors import Json, body_of, error_body, invalid, not_found, text_of
from local.stand_ins.clerk.tokens import DEFAULT_LIFE_S, ISSUER, session_claims, sign
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import StandIns, State

_TOKEN_LIFE_S = range(30, 315_360_001)
_TICKET_LIFE_S = 2_592_000

backend = APIRouter()


def session_token(state: StandIns, session: Json, *, life_s: int = DEFAULT_LIFE_S) -> Json:
    """Return a token for a session, which must be active."""
    if session["status"] != "active":
        raise not_found("Active session")
    claims = session_claims(session["user_id"], session["id"], expires_in_seconds=life_s)
    return {"object": "token", "jwt": sign(state.signing_key, claims)}


@backend.post("/sessions")
async def create_session(request: Request, state: State) -> Json:
    """Create a session without a browser, which Clerk allows only on development instances."""
    user_id = text_of(await body_of(request, frozenset({"user_id"})), "user_id")
    if state.clerk.is_production:
        message = "This operation is not allowed on production instances."
        raise Refusal(403, error_body(403, "operation_not_allowed_on_production", message))
    if user_id not in state.clerk.users:
        raise not_found("User")
    return state.clerk.create_session(user_id)


@backend.get("/sessions")
async def list_sessions(
    state: State,
    user_id: str | None = None,
    status: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 10,
) -> list[Json]:
    """List sessions, newest first."""
    wanted = {name: value for name, value in {"user_id": user_id, "status": status}.items() if value is not None}
    sessions = list(state.clerk.sessions.values())[::-1]
    return [session for session in sessions if wanted.items() <= session.items()][:limit]


@backend.get("/sessions/{session_id}")
async def get_session(state: State, session_id: str) -> Json:
    """Return one session."""
    if session := state.clerk.sessions.get(session_id):
        return session
    raise not_found("Session")


@backend.post("/sessions/{session_id}/revoke")
async def revoke_session(state: State, session_id: str) -> Json:
    """Revoke a session."""
    return state.clerk.end_session(await get_session(state, session_id), "revoked")


@backend.post("/sessions/{session_id}/tokens")
async def create_session_token(request: Request, state: State, session_id: str) -> Json:
    """Return a token for an active session."""
    life_s = (await body_of(request, frozenset({"expires_in_seconds"}))).get("expires_in_seconds", DEFAULT_LIFE_S)
    if type(life_s) is not int or life_s not in _TOKEN_LIFE_S:
        message = f"expires_in_seconds must be {_TOKEN_LIFE_S[0]} to {_TOKEN_LIFE_S[-1]}."
        raise invalid("form_param_format_invalid", "expires_in_seconds", message)
    return session_token(state, await get_session(state, session_id), life_s=life_s)


@backend.post("/sign_in_tokens")
async def create_sign_in_token(request: Request, state: State) -> Json:
    """Create a ticket that signs a user in once."""
    body = await body_of(request, frozenset({"user_id", "expires_in_seconds", "org_id"}))
    user_id = text_of(body, "user_id")
    life_s = body.get("expires_in_seconds", _TICKET_LIFE_S)
    if type(life_s) is not int or life_s <= 0:
        raise invalid("form_param_format_invalid", "expires_in_seconds", "expires_in_seconds must be positive.")
    if user_id not in state.clerk.users:
        raise not_found("User")
    return state.clerk.create_ticket(user_id, life_s=life_s).as_json(ISSUER)


@backend.post("/sign_in_tokens/{ticket_id}/revoke")
async def revoke_sign_in_token(state: State, ticket_id: str) -> Json:
    """Revoke a ticket."""
    ticket = state.clerk.tickets.get(ticket_id)
    if ticket is None:
        raise not_found("Sign-in token")
    ticket.status = "revoked"
    return ticket.as_json(ISSUER)
