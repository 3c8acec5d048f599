"""Idempotency keys: calls with the same key take effect once, and later ones get the first response again.

A call leases its key, does its work, and stores its response in the transaction of that work, so that both are saved or
neither. A call that is refused or whose process dies has no effect and stores no response. It releases the key, or its
lease expires, and the next call with the key runs as the first one.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from . import repository

KEY_LIFETIME = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Longer than any call can run, because API Gateway ends a call after 29 s."""
_RETRY_AFTER_S = 1


class IdempotencyKeyReused(AppError):
    """The Idempotency-Key was already sent with a different request."""

    status_code = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with a different request. Use a new key for a new request.")


class CallStillRunning(AppError):
    """The first request with this Idempotency-Key is still running."""

    status_code = 409
    code = "idempotency_key_in_use"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still running. Try again in a moment.",
            retry_after_s=_RETRY_AFTER_S,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The lease of a key, which entitles its owner to do the work and to store the response."""

    user_id: uuid.UUID
    key: str
    lease: uuid.UUID


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The response to the first call with a key."""

    status_code: int
    body: str
    """The exact JSON text that was sent."""


def claim(session: Session, user_id: uuid.UUID, *, key: str, fingerprint: str, now: datetime) -> Claim | StoredAnswer:
    """Lease the key for a call, or return the response to the first call with it.

    The lease is part of the caller's transaction. Commit it before the work starts, so that other calls see it.

    Args:
        session: the transaction.
        user_id: the user; keys of different users are independent.
        key: the client's key, of at most 255 characters.
        fingerprint: a hash of route and body, equal for equal requests.
        now: the current time, which decides which keys and leases have expired.

    Raises:
        IdempotencyKeyReused: the key was sent with a different request.
        CallStillRunning: the first call has no response yet.
    """
    claimed = Claim(user_id, key, uuid.uuid4())
    if repository.claim_key(
        session,
        user_id,
        key,
        fingerprint,
        claimed.lease,
        now=now,
        leased_until=now + LEASE,
        expires_at=now + KEY_LIFETIME,
    ):
        return claimed
    held = repository.find_key(session, user_id, key)
    if held is None:  # it was released after the lease failed
        raise CallStillRunning
    if held.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if held.status_code is None or held.answer is None:
        raise CallStillRunning
    return StoredAnswer(held.status_code, held.answer)


def store_answer(session: Session, claim: Claim, answer: StoredAnswer) -> None:
    """Store the response in the transaction of the work, which must be rolled back if this raises.

    Raises:
        CallStillRunning: the lease expired and another call has leased the key.
    """
    if not repository.store_answer(
        session, claim.user_id, claim.key, claim.lease, status_code=answer.status_code, answer=answer.body
    ):
        raise CallStillRunning


def give_back(session: Session, claim: Claim) -> None:
    """Release the key of a call that had no effect; does nothing if another call has leased it since."""
    repository.delete_key(session, claim.user_id, claim.key, claim.lease)
