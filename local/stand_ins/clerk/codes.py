"""E-mail verification codes, and the tickets with which a backend signs users in.

Source: clerk/openapi-specs, 2026-05-12.
"""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]

TEST_MARK = "+clerk_test"
TEST_CODE = "424242"
"""The code of addresses with the mark, which get no mail. Source: clerk.com/docs, "Test emails and phones"."""
RESEND_PAUSE_S = 30
_LIFETIME_MS = 600_000
_MAX_ATTEMPTS = 3


@dataclass(slots=True)
class Verification:
    """A verification of an e-mail address by one code."""

    id: str
    email_address_id: str
    code: str
    expires_at_ms: int
    attempts: int = 0
    status: str = "unverified"

    def as_json(self) -> Json:
        """Return the verification in Clerk's form."""
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
        """Check one submitted code and update the status."""
        if self.status == "unverified" and now_ms >= self.expires_at_ms:
            self.status = "expired"
        if self.status != "unverified":
            return
        self.attempts += 1
        if secrets.compare_digest(code.encode(), self.code.encode()):
            self.status = "verified"
        elif self.attempts >= _MAX_ATTEMPTS:
            self.status = "failed"


@dataclass(slots=True)
class Codes:
    """All verifications, and the mails with their codes."""

    verifications: dict[str, Verification] = field(default_factory=dict)
    outbox: list[Json] = field(default_factory=list)
    """The mails, which are not delivered: `{"to", "code"}`, oldest first."""
    _sent_mono_s: dict[str, float] = field(default_factory=dict)

    def seconds_to_wait(self, email_address_id: str) -> float:
        """Return the seconds until another code may be sent to the address."""
        sent_mono_s = self._sent_mono_s.get(email_address_id)
        return 0.0 if sent_mono_s is None else max(0.0, sent_mono_s + RESEND_PAUSE_S - time.monotonic())

    def send(self, email_address_id: str, email: str) -> Verification:
        """Send a code; earlier unused codes of the address expire."""
        for earlier in self.verifications.values():
            if earlier.email_address_id == email_address_id and earlier.status == "unverified":
                earlier.status = "expired"
        code = TEST_CODE if TEST_MARK in email else f"{secrets.randbelow(10**6):06}"
        verification = Verification(
            f"ver_{secrets.token_hex(14)}", email_address_id, code, int(time.time() * 1000) + _LIFETIME_MS
        )
        self.verifications[verification.id] = verification
        self._sent_mono_s[email_address_id] = time.monotonic()
        self.outbox.append({"to": email, "code": code})
        return verification

    def reset(self) -> None:
        """Empty the outbox and allow new codes immediately; pending verifications stay."""
        self.outbox.clear()
        self.clear_pauses()

    def clear_pauses(self) -> None:
        """Allow new codes immediately."""
        self._sent_mono_s.clear()


@dataclass(slots=True)
class Ticket:
    """A sign-in token that can be used once."""

    id: str
    user_id: str
    token: str
    expires_at: float
    status: str = "pending"

    def as_json(self, issuer: str) -> Json:
        """Return the ticket in Clerk's form."""
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
