"""Clerk's Backend API and its public key set. Source: clerk/openapi-specs, bapi 2026-05-12."""

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request

from local.stand_ins.clerk_tokens import DEFAULT_LIFE_S, session_claims, sign
from local.stand_ins.refusals import Refusal, json_object, phrase
from local.stand_ins.state import State

type Json = dict[str, Any]

SECRET_KEY = "sk_test_stand_in"  # noqa: S105 - the public key of a stand-in
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_SHORTEST_PASSWORD = 8
_LONGEST_EMAIL = 254
_TOKEN_LIFE_S = range(30, 315_360_001)
_TEXT_FIELDS = ("first_name", "last_name", "external_id")
_METADATA_FIELDS = ("public_metadata", "private_metadata", "unsafe_metadata")
_USER_FIELDS = frozenset(
    {"email_address", "password", "skip_password_checks", "email_address_identification_status", "legal_accepted_at"}
    | set(_TEXT_FIELDS)
    | set(_METADATA_FIELDS)
)
_CODES = {
    401: "clerk_key_invalid",
    403: "authorization_invalid",
    404: "resource_not_found",
    429: "too_many_requests",
}

router = APIRouter(prefix="/clerk")


def error_body(status: int, code: str | None = None, message: str | None = None, param: str | None = None) -> Json:
    """Return Clerk's error form; without a code, the one usual for the status."""
    message = message or phrase(status)
    error = {"message": message, "long_message": message, "code": code or _CODES.get(status, "internal_clerk_error")}
    meta = {"param_name": param} if param else {}
    return {"errors": [error | {"meta": meta}], "clerk_trace_id": secrets.token_hex(16)}


def _invalid(code: str, param: str, message: str) -> Refusal:
    return Refusal(422, error_body(422, code, message, param))


def _not_found(what: str) -> Refusal:
    return Refusal(404, error_body(404, message=f"{what} not found"))


async def _require_secret_key(authorization: Annotated[str, Header()] = "") -> None:
    if not secrets.compare_digest(authorization.encode(), f"Bearer {SECRET_KEY}".encode()):
        raise Refusal(401, error_body(401, message="The provided Clerk Secret Key is invalid."))


backend = APIRouter(prefix="/v1", dependencies=[Depends(_require_secret_key)])


async def _body(request: Request, allowed: frozenset[str]) -> Json:
    malformed = Refusal(400, error_body(400, "request_body_invalid", "The request body is not a JSON object."))
    body = await json_object(request, malformed)
    for name in body.keys() - allowed:
        raise _invalid("form_param_unknown", name, f"{name} is not a valid parameter for this request.")
    return body


@router.get("/.well-known/jwks.json")
async def get_public_keys(state: State) -> Json:
    """Return the key set that anybody may read."""
    return state.signing_key.jwks()


@backend.get("/jwks")
async def get_keys(state: State) -> Json:
    """Return the same key set to the holder of the secret key."""
    return state.signing_key.jwks()


@backend.post("/users")
async def create_user(request: Request, state: State) -> Json:
    """Create a user with one address, verified unless it is only reserved."""
    body = await _body(request, _USER_FIELDS)
    email = _email_of(body)
    if state.clerk.find_by_email(email):
        raise _invalid("form_identifier_exists", "email_address", "That email address is taken.")
    statuses = body.get("email_address_identification_status") or []
    fields = {name: body[name] for name in (*_TEXT_FIELDS, "legal_accepted_at") if body.get(name) is not None}
    fields |= _metadata_of(body)
    fields["password_enabled"] = _has_password(body)
    return state.clerk.create(email, is_verified="reserved" not in statuses, **fields)


def _email_of(body: Mapping[str, Any]) -> str:
    emails = body.get("email_address")
    if not isinstance(emails, list) or len(emails) != 1:
        raise _invalid("form_param_missing", "email_address", "email_address must be an array with one address.")
    email = emails[0]
    if not isinstance(email, str) or len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise _invalid("form_param_format_invalid", "email_address", "Email address must be a valid email address.")
    return email


def _has_password(body: Mapping[str, Any]) -> bool:
    password = body.get("password")
    if password is None:
        return False
    if not isinstance(password, str) or len(password) < _SHORTEST_PASSWORD:
        message = f"Passwords must be {_SHORTEST_PASSWORD} characters or more."
        raise _invalid("form_password_length_too_short", "password", message)
    return True


def _metadata_of(body: Mapping[str, Any]) -> Json:
    metadata = {name: body[name] for name in _METADATA_FIELDS if body.get(name) is not None}
    for name, value in metadata.items():
        if not isinstance(value, dict):
            raise _invalid("form_param_format_invalid", name, f"{name} must be an object.")
    return metadata


@backend.get("/users")
async def list_users(
    state: State,
    email_address: Annotated[list[str] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 10,
) -> list[Json]:
    """Return users, newest first; unknown addresses are ignored."""
    users = list(state.clerk.users.values())[::-1]
    if email_address is not None:
        wanted = {email.lower() for email in email_address}
        users = [user for user in users if user["email_addresses"][0]["email_address"] in wanted]
    return users[:limit]


@backend.get("/users/{user_id}")
async def get_user(state: State, user_id: str) -> Json:
    """Return one user."""
    if user := state.clerk.users.get(user_id):
        return user
    raise _not_found("User")


@backend.post("/sessions")
async def create_session(request: Request, state: State) -> Json:
    """Sign a user in without a browser, which Clerk allows on development instances only."""
    user_id = (await _body(request, frozenset({"user_id"}))).get("user_id")
    if not isinstance(user_id, str):
        raise _invalid("form_param_missing", "user_id", "user_id must be included.")
    await get_user(state, user_id)
    return state.clerk.create_session(user_id)


@backend.get("/sessions")
async def list_sessions(
    state: State,
    user_id: str | None = None,
    status: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 10,
) -> list[Json]:
    """Return sessions, newest first."""
    wanted = {name: value for name, value in {"user_id": user_id, "status": status}.items() if value is not None}
    sessions = list(state.clerk.sessions.values())[::-1]
    return [session for session in sessions if wanted.items() <= session.items()][:limit]


@backend.get("/sessions/{session_id}")
async def get_session(state: State, session_id: str) -> Json:
    """Return one session."""
    if session := state.clerk.sessions.get(session_id):
        return session
    raise _not_found("Session")


@backend.post("/sessions/{session_id}/revoke")
async def revoke_session(state: State, session_id: str) -> Json:
    """End a session."""
    return state.clerk.revoke_session(await get_session(state, session_id))


@backend.post("/sessions/{session_id}/tokens")
async def create_session_token(request: Request, state: State, session_id: str) -> Json:
    """Sign a token of an active session."""
    life_s = (await _body(request, frozenset({"expires_in_seconds"}))).get("expires_in_seconds", DEFAULT_LIFE_S)
    if type(life_s) is not int or life_s not in _TOKEN_LIFE_S:
        message = f"expires_in_seconds must be {_TOKEN_LIFE_S[0]} to {_TOKEN_LIFE_S[-1]}."
        raise _invalid("form_param_format_invalid", "expires_in_seconds", message)
    session = await get_session(state, session_id)
    if session["status"] != "active":
        raise _not_found("Active session")
    claims = session_claims(session["user_id"], session_id, expires_in_seconds=life_s)
    return {"object": "token", "jwt": sign(state.signing_key, claims)}


router.include_router(backend)
