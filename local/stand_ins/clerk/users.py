"""The users and sessions of the Clerk instance. Source: clerk/openapi-specs, bapi 2026-05-12."""

import hashlib
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.stand_ins.clerk.codes import Codes, Ticket

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SESSION_LIFE_MS = 7 * 86_400_000

_NULL_FIELDS = (
    *("primary_phone_number_id", "primary_web3_wallet_id", "mfa_enabled_at", "mfa_disabled_at"),
    "verification_attempts_remaining",
)
_EMPTY_FIELDS = (
    *("phone_numbers", "web3_wallets", "external_accounts", "passkeys", "saml_accounts", "enterprise_accounts"),
)
"""Fields of a User object that this project does not use."""

type Json = dict[str, Any]


def stable_id(prefix: str, seed: str) -> str:
    """Return an id in Clerk's form that depends only on the seed, so that it survives a restart."""
    number = int.from_bytes(hashlib.sha256(f"{prefix}:{seed}".encode()).digest())
    letters = []
    for _ in range(27):
        number, digit = divmod(number, len(_DIGITS))
        letters.append(_DIGITS[digit])
    return f"{prefix}_{''.join(letters)}"


def _random_id(prefix: str) -> str:
    return stable_id(prefix, secrets.token_hex(16))


def _now_ms() -> int:
    return int(time.time() * 1000)


@dataclass(slots=True)
class ClerkUsers:
    """The instance's tables."""

    users: dict[str, Json] = field(default_factory=dict)
    sessions: dict[str, Json] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    """Keys are user ids."""
    codes: Codes = field(default_factory=Codes)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    api_keys: dict[str, Json] = field(default_factory=dict)
    """Keys of the mapping are the secrets."""
    is_production: bool = False
    """Whether this is a production instance, on which a backend cannot create sessions."""
    publish: Callable[[str, Json], None] = lambda _type, _data: None
    """Called with each event that Clerk would send to webhooks."""

    def find_by_email(self, email: str) -> Json | None:
        """Return the user with this address, compared without case."""
        return self.users.get(stable_id("user", email.lower()))

    def create(self, email: str, *, is_verified: bool = True, **fields: Any) -> Json:
        """Create a user whose id is derived from the e-mail address; `fields` override those of the User object."""
        user_id, email_id = stable_id("user", email.lower()), stable_id("idn", email.lower())
        now_ms = _now_ms()
        verification = {
            "object": "verification_admin",
            "status": "verified",
            "strategy": "admin",
            "attempts": None,
            "expire_at": None,
        }
        address: Json = {"id": email_id, "object": "email_address", "email_address": email.lower(), "linked_to": []}
        address |= {"created_at": now_ms, "updated_at": now_ms}
        user: Json = {
            "id": user_id,
            "object": "user",
            "first_name": None,
            "last_name": None,
            "username": None,
            "image_url": f"https://img.clerk.com/{user_id}",
            "has_image": False,
            "primary_email_address_id": email_id,
            "email_addresses": [
                address | {"reserved": not is_verified, "verification": verification if is_verified else None}
            ],
            **dict.fromkeys(_NULL_FIELDS),
            **{name: [] for name in _EMPTY_FIELDS},
            "password_enabled": False,
            "two_factor_enabled": False,
            "totp_enabled": False,
            "backup_code_enabled": False,
            "external_id": None,
            "public_metadata": {},
            "private_metadata": {},
            "unsafe_metadata": {},
            "banned": False,
            "locked": False,
            "lockout_expires_in_seconds": None,
            "last_sign_in_at": None,
            "last_active_at": None,
            "created_at": now_ms,
            "updated_at": now_ms,
            "delete_self_enabled": True,
            "create_organization_enabled": False,
            "legal_accepted_at": None,
        } | fields
        self.users[user_id] = user
        self.publish("user.created", user)
        return user

    def change(self, user: Json, **fields: Any) -> Json:
        """Change fields of the User object."""
        # Each change needs a later time, even if a fast machine makes two in one millisecond.
        user |= {**fields, "updated_at": max(_now_ms(), user["updated_at"] + 1)}
        self.publish("user.updated", user)
        return user

    def delete(self, user: Json) -> Json:
        """Delete a user and revoke the user's sessions."""
        for session in self.sessions.values():
            if session["user_id"] == user["id"] and session["status"] == "active":
                self.end_session(session, "revoked")
        del self.users[user["id"]]
        self.passwords.pop(user["id"], None)
        deleted = {"object": "user", "id": user["id"], "deleted": True}
        self.publish("user.deleted", deleted | {"external_id": user["external_id"]})
        return deleted

    def find_address(self, email_address_id: str) -> tuple[Json, Json] | None:
        """Return an address and its user."""
        for user in self.users.values():
            for address in user["email_addresses"]:
                if address["id"] == email_address_id:
                    return address, user
        return None

    def create_ticket(self, user_id: str, *, life_s: float) -> Ticket:
        """Create a ticket that signs a user in once."""
        ticket = Ticket(_random_id("sit"), user_id, secrets.token_urlsafe(40), time.time() + life_s)
        self.tickets[ticket.id] = ticket
        return ticket

    def find_or_create(self, email: str) -> Json:
        """Return the user with this address; creates one if there is none."""
        return self.find_by_email(email) or self.create(email)

    def create_session(self, user_id: str, *, session_id: str | None = None) -> Json:
        """Create an active session of the user."""
        now_ms = _now_ms()
        session: Json = {
            "object": "session",
            "id": session_id or _random_id("sess"),
            "user_id": user_id,
            "client_id": _random_id("client"),
            "actor": None,
            "status": "active",
            "last_active_organization_id": None,
            "last_active_at": now_ms,
            "expire_at": now_ms + _SESSION_LIFE_MS,
            "abandon_at": now_ms + 4 * _SESSION_LIFE_MS,
            "created_at": now_ms,
            "updated_at": now_ms,
        }
        self.sessions[session["id"]] = session
        self.publish("session.created", session)
        return session

    def end_session(self, session: Json, status: str) -> Json:
        """End a session as revoked, ended or removed; its issued tokens stay valid until their `exp`."""
        session |= {"status": status, "updated_at": _now_ms()}
        self.publish(f"session.{status}", session)
        return session
