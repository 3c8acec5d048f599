"""API keys of users. Source: clerk-backend-api 7.0.0, `api_keys.py` and the models of its operations."""

import re
import secrets
import time
from typing import Any

from fastapi import APIRouter, Request

from local.stand_ins.clerk.errors import Json, body_of, invalid, not_found, text_of
from local.stand_ins.state import State

_SUBJECT = re.compile(r"(user|org)_\w+")
_FIELDS = frozenset(
    {"name", "subject", "type", "description", "claims", "scopes", "created_by", "seconds_until_expiration"}
)

backend = APIRouter(prefix="/api_keys")


def _now_ms() -> int:
    return int(time.time() * 1000)


@backend.post("", status_code=201)
async def create_api_key(request: Request, state: State) -> Json:
    """Create a key and return it with its secret, once.

    The subject need not be a user of this instance, because tests sign in users that exist only in our database.
    """
    body = await body_of(request, _FIELDS)
    name, subject = text_of(body, "name"), text_of(body, "subject")
    if not _SUBJECT.fullmatch(subject):
        raise invalid("form_param_format_invalid", "subject", "subject must be the id of a user or organization.")
    secret = f"ak_{secrets.token_hex(24)}"
    life_s, now_ms = body.get("seconds_until_expiration"), _now_ms()
    key = {
        "object": "api_key",
        "id": f"ak_{secrets.token_hex(13)}",
        "type": "api_key",
        "subject": subject,
        "name": name,
        "description": body.get("description"),
        "claims": body.get("claims"),
        "scopes": body.get("scopes") or [],
        "revoked": False,
        "revocation_reason": None,
        "expiration": None if life_s is None else now_ms + int(life_s * 1000),
        "created_by": body.get("created_by"),
        "last_used_at": None,
        "created_at": now_ms,
        "updated_at": now_ms,
    }
    state.clerk.api_keys[secret] = key
    return _shown(key) | {"secret": secret}


@backend.post("/verify")
async def verify_api_key(request: Request, state: State) -> Json:
    """Return the key with this secret; one that is revoked or expired says so."""
    key = state.clerk.api_keys.get(text_of(await body_of(request, frozenset({"secret"})), "secret"))
    if key is None:
        raise not_found("API key")
    key["last_used_at"] = _now_ms()
    return _shown(key)


@backend.post("/{api_key_id}/revoke")
async def revoke_api_key(request: Request, state: State, api_key_id: str) -> Json:
    """Revoke a key."""
    reason = (await body_of(request, frozenset({"revocation_reason"}))).get("revocation_reason")
    key = next((key for key in state.clerk.api_keys.values() if key["id"] == api_key_id), None)
    if key is None:
        raise not_found("API key")
    key |= {"revoked": True, "revocation_reason": reason, "updated_at": _now_ms()}
    return _shown(key)


def _shown(key: dict[str, Any]) -> Json:
    return key | {"expired": key["expiration"] is not None and key["expiration"] <= _now_ms()}
