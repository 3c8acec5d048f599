"""Clerk's Backend API and its public key set. Source: clerk/openapi-specs, bapi 2026-05-12."""

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request

from local.stand_ins.clerk import api_keys, emails, frontend, sessions
from local.stand_ins.clerk.errors import Json, body_of, error_body, invalid, not_found, text_of
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

SECRET_KEY = "sk_test_stand_in"  # noqa: S105 - the public key of a stand-in
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_MIN_PASSWORD_LENGTH = 8
_MAX_PASSWORD_BYTES = 72
_LEAKED_PASSWORDS = frozenset({"password", "password1", "12345678", "iloveyou", "qwertyuiop"})
"""A short replacement for the list of leaked passwords that Clerk checks."""
_MAX_EMAIL_LENGTH = 254
_TEXT_FIELDS = ("first_name", "last_name", "external_id")
_METADATA_FIELDS = ("public_metadata", "private_metadata", "unsafe_metadata")
_USER_FIELDS = frozenset(
    {"email_address", "password", "skip_password_checks", "email_address_identification_status", "legal_accepted_at"}
    | set(_TEXT_FIELDS)
    | set(_METADATA_FIELDS)
)
_CHANGEABLE_FIELDS = frozenset({"password", "skip_password_checks", "sign_out_of_other_sessions", *_TEXT_FIELDS})

router = APIRouter(prefix="/clerk")


async def _require_secret_key(authorization: Annotated[str, Header()] = "") -> None:
    if not secrets.compare_digest(authorization.encode(), f"Bearer {SECRET_KEY}".encode()):
        raise Refusal(401, error_body(401, message="The provided Clerk Secret Key is invalid."))


backend = APIRouter(prefix="/v1", dependencies=[Depends(_require_secret_key)])


@router.get("/.well-known/jwks.json")
async def get_public_keys(state: State) -> Json:
    """Return the public key set, without authentication."""
    return state.signing_key.jwks()


@backend.get("/jwks")
async def get_keys(state: State) -> Json:
    """Return the same key set to the holder of the secret key."""
    return state.signing_key.jwks()


@backend.post("/users")
async def create_user(request: Request, state: State) -> Json:
    """Create a user with one address, which is verified unless it is reserved."""
    body = await body_of(request, _USER_FIELDS)
    email = _email_of(body)
    if state.clerk.find_by_email(email):
        raise invalid("form_identifier_exists", "email_address", "That email address is taken.")
    statuses = body.get("email_address_identification_status") or []
    fields = {name: body[name] for name in (*_TEXT_FIELDS, "legal_accepted_at") if body.get(name) is not None}
    fields |= _metadata_of(body)
    password = _password_of(body)
    fields["password_enabled"] = password is not None
    user = state.clerk.create(email, is_verified="reserved" not in statuses, **fields)
    if password is not None:
        state.clerk.passwords[user["id"]] = password
    return user


def _email_of(body: Mapping[str, Any]) -> str:
    emails = body.get("email_address")
    if not isinstance(emails, list) or len(emails) != 1:
        raise invalid("form_param_missing", "email_address", "email_address must be an array with one address.")
    email = emails[0]
    if not isinstance(email, str) or len(email) > _MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise invalid("form_param_format_invalid", "email_address", "Email address must be a valid email address.")
    return email


def _password_of(body: Mapping[str, Any]) -> str | None:
    password = body.get("password")
    if password is None:
        return None
    if not isinstance(password, str) or len(password) < _MIN_PASSWORD_LENGTH:
        message = f"Passwords must be {_MIN_PASSWORD_LENGTH} characters or more."
        raise invalid("form_password_length_too_short", "password", message)
    if len(password.encode()) > _MAX_PASSWORD_BYTES:
        raise invalid("form_password_length_too_long", "password", "Passwords must be 72 bytes or less.")
    if not body.get("skip_password_checks") and password.lower() in _LEAKED_PASSWORDS:
        message = "Password has been found in an online data breach."
        raise invalid("form_password_pwned", "password", message)
    return password


def _metadata_of(body: Mapping[str, Any]) -> Json:
    metadata = {name: body[name] for name in _METADATA_FIELDS if body.get(name) is not None}
    for name, value in metadata.items():
        if not isinstance(value, dict):
            raise invalid("form_param_format_invalid", name, f"{name} must be an object.")
    return metadata


@backend.get("/users")
async def list_users(
    state: State,
    email_address: Annotated[list[str] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 10,
) -> list[Json]:
    """List users, newest first, optionally only those with the given addresses."""
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
    raise not_found("User")


@backend.patch("/users/{user_id}")
async def change_user(request: Request, state: State, user_id: str) -> Json:
    """Change a user; since 2026-05-12 metadata has separate routes."""
    body = await body_of(request, _CHANGEABLE_FIELDS)
    user = await get_user(state, user_id)
    fields: Json = {name: body[name] for name in _TEXT_FIELDS if name in body}
    password = _password_of(body)
    if password is not None:
        state.clerk.passwords[user_id] = password
        fields["password_enabled"] = True
    if body.get("sign_out_of_other_sessions"):
        for session in list(state.clerk.sessions.values()):
            if session["user_id"] == user_id and session["status"] == "active":
                state.clerk.end_session(session, "revoked")
    return state.clerk.change(user, **fields)


@backend.delete("/users/{user_id}")
async def delete_user(state: State, user_id: str) -> Json:
    """Delete a user."""
    return state.clerk.delete(await get_user(state, user_id))


@backend.post("/users/{user_id}/verify_password")
async def verify_password(request: Request, state: State, user_id: str) -> Json:
    """Check a user's password, without creating a session or counting towards a lockout."""
    password = text_of(await body_of(request, frozenset({"password"})), "password")
    await get_user(state, user_id)
    known = state.clerk.passwords.get(user_id)
    if known is None:
        raise Refusal(400, error_body(400, "no_password_set", "This user does not have a password set."))
    if not secrets.compare_digest(password.encode(), known.encode()):
        raise invalid("incorrect_password", "password", "The password you entered is incorrect.")
    return {"verified": True}


for part in (sessions.backend, emails.backend, api_keys.backend):
    backend.include_router(part)
router.include_router(frontend.router)
router.include_router(backend)
