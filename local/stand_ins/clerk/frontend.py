"""The part of Clerk's Frontend API that exchanges tickets for session tokens.

Source: clerk/openapi-specs, fapi 2026-05-12.
"""

import secrets
import time
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Cookie, Request, Response

from local.stand_ins.clerk.errors import Json, error_body, invalid
from local.stand_ins.clerk.sessions import session_token
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

router = APIRouter(prefix="/v1/client")


@router.post("/sign_ins")
async def sign_in(request: Request, response: Response, state: State) -> Json:
    """Exchange an unused ticket for a session, and identify the client by a cookie."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if form.get("strategy") != ["ticket"]:
        raise invalid("form_param_value_invalid", "strategy", "The stand-in supports only the strategy ticket.")
    token = form.get("ticket", [""])[0]
    ticket = next((each for each in state.clerk.tickets.values() if each.token == token), None)
    if ticket is None or ticket.user_id not in state.clerk.users:
        raise Refusal(400, error_body(400, "ticket_invalid_code", "The ticket is invalid."))
    if ticket.status != "pending":
        message = "This sign in token has already been used."
        raise Refusal(400, error_body(400, "sign_in_token_already_used_code", message))
    if time.time() >= ticket.expires_at:
        raise Refusal(400, error_body(400, "ticket_expired_code", "The ticket has expired."))
    ticket.status = "accepted"
    session = state.clerk.create_session(ticket.user_id)
    state.clerk.users[ticket.user_id]["last_sign_in_at"] = session["created_at"]
    response.set_cookie("__client", session["client_id"], httponly=True, path="/clerk")
    attempt = {
        "object": "sign_in_attempt",
        "id": f"sia_{secrets.token_hex(14)}",
        "status": "complete",
        "created_session_id": session["id"],
    }
    return {"response": attempt, "client": {"object": "client", "id": session["client_id"], "sessions": [session]}}


@router.post("/sessions/{session_id}/tokens")
async def create_token(state: State, session_id: str, client_id: Annotated[str, Cookie(alias="__client")] = "") -> Json:
    """Return a token for a session of this client."""
    session = state.clerk.sessions.get(session_id)
    if session is None or session["client_id"] != client_id or session["status"] != "active":
        raise Refusal(401, error_body(401, "authentication_invalid", "Invalid authentication."))
    return session_token(state, session)


@router.post("/sessions/{session_id}/end")
async def end_session(state: State, session_id: str, client_id: Annotated[str, Cookie(alias="__client")] = "") -> Json:
    """End a session of this client."""
    session = state.clerk.sessions.get(session_id)
    if session is None or session["client_id"] != client_id:
        raise Refusal(401, error_body(401, "authentication_invalid", "Invalid authentication."))
    return {"response": state.clerk.end_session(session, "ended"), "client": None}
