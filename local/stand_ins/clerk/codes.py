"""Codes by e-mail, and the tickets with which a backend signs somebody in. Source: clerk/openapi-specs, 2026-05-12."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]

TEST_MARK = "+clerk_test"
TEST_CODE = "424242"
"""Addresses with the mark get no mail and this code. Source: clerk.com/docs, "Test emails and phones"."""
RESEND_PAUSE_S = 30
_LIFE_MS = 600_000
_MOST_ATTEMPTS = 3


@dataclass(slots=True)
class Verification:
    """One code on its way."""

    id: str
    email_address_id: str
    code: str
    expires_at_ms: int
    attempts: int = 0
    status: str = "unverified"

    def as_json(self) -> Json:
        """Return it as Clerk answers."""
        return {
            "object": "verification_email_address",
            "id": self.id,
            "status": self.status,
            "strategy": "email_code",
            "attempts": self.attempts,
            "expire_at": self.expires_at_ms,
            "channel": None,
        }

    def attempt(self, code: str, *, now_ms: int) -> None:
        """Take one guess."""
        if self.status == "unverified" and now_ms >= self.expires_at_ms:
            self.status = "expired"
        if self.status != "unverified":
            return
        self.attempts += 1
        if secrets.compare_digest(code.encode(), self.code.encode()):
            self.status = "verified"
        elif self.attempts >= _MOST_ATTEMPTS:
            self.status = "failed"


@dataclass(slots=True)
class Codes:
    """What was sent, and what was proven by it."""

    verifications: dict[str, Verification] = field(default_factory=dict)
    outbox: list[Json] = field(default_factory=list)
    """Mails that nobody has to receive: `{"to", "code"}`, oldest first."""
    _sent_at: dict[str, float] = field(default_factory=dict)

    def seconds_to_wait(self, email_address_id: str) -> float:
        """Return how long no other code may be sent to the address."""
        sent_at = self._sent_at.get(email_address_id)
        return 0.0 if sent_at is None else max(0.0, sent_at + RESEND_PAUSE_S - time.monotonic())

    def send(self, email_address_id: str, email: str) -> Verification:
        """Send a code; those sent to the address before it no longer count."""
        for earlier in self.verifications.values():
            if earlier.email_address_id == email_address_id and earlier.status == "unverified":
                earlier.status = "expired"
        code = TEST_CODE if TEST_MARK in email else f"{secrets.randbelow(10**6):06}"
        verification = Verification(
            f"ver_{secrets.token_hex(14)}", email_address_id, code, int(time.time() * 1000) + _LIFE_MS
        )
        self.verifications[verification.id] = verification
        self._sent_at[email_address_id] = time.monotonic()
        self.outbox.append({"to": email, "code": code})
        return verification

    def reset(self) -> None:
        """Empty the outbox and let codes be sent again at once; those under way stay."""
        self.outbox.clear()
        self.forget_pauses()

    def forget_pauses(self) -> None:
        """Let codes be sent again at once."""
        self._sent_at.clear()


@dataclass(slots=True)
class Ticket:
    """A sign-in token, good once."""

    id: str
    user_id: str
    token: str
    expires_at: float
    status: str = "pending"

    def as_json(self, issuer: str) -> Json:
        """Return it as Clerk answers."""
        now_ms = int(time.time() * 1000)
        return {
            "object": "sign_in_token",
            "id": self.id,
            "user_id": self.user_id,
            "status": self.status,
            "token": self.token,
            "url": f"{issuer}/v1/tickets/accept?ticket={self.token}",
            "created_at": now_ms,
            "updated_at": now_ms,
        }
