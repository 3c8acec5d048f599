"""Calls that may be repeated: a key of the client's makes the effect happen once and the answer come again.

A call claims its key for a while, does its work, and stores its answer in the transaction of that work: either both
are there or neither. A call that is refused, or dies, has had no effect and leaves no answer: it gives the key back, or
its lease runs out, and the next call with the key is the first again.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from . import repository

KEY_LIFETIME = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Longer than a call can live: API Gateway gives up on one after 29 s."""
_ASK_AGAIN_AFTER_S = 1


class IdempotencyKeyReused(AppError):
    """The Idempotency-Key was sent before with another request."""

    status_code = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with another request. Use a new key for a new request.")


class CallStillRunning(AppError):
    """The first request with this Idempotency-Key is still running."""

    status_code = 409
    code = "idempotency_key_in_use"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still running. Try again in a moment.",
            retry_after_s=_ASK_AGAIN_AFTER_S,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do a call's work and to store its answer."""

    user_id: uuid.UUID
    key: str
    lease: uuid.UUID


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first call was answered."""

    status_code: int
    body: str
    """JSON, to the letter."""


def claim(session: Session, user_id: uuid.UUID, *, key: str, fingerprint: str, now: datetime) -> Claim | StoredAnswer:
    """Claim the key for a call, or return what the first call with it was answered.

    The claim is part of the caller's transaction: commit it before the work, so that others see that it runs.

    Args:
        session: the transaction.
        user_id: keys of different users have nothing to do with each other.
        key: the client's; at most 255 characters.
        fingerprint: of the route and the body; equal for calls that ask for the same.
        now: decides what has expired.

    Raises:
        IdempotencyKeyReused: the key was sent with something else.
        CallStillRunning: the first call has no answer yet.
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
    if held is None:  # given back since
        raise CallStillRunning
    if held.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if held.status_code is None or held.answer is None:
        raise CallStillRunning
    return StoredAnswer(held.status_code, held.answer)


def store_answer(session: Session, claim: Claim, answer: StoredAnswer) -> None:
    """Store the answer in the transaction of the work, which must be rolled back if this raises.

    Raises:
        CallStillRunning: the call took so long that another one has claimed the key.
    """
    if not repository.store_answer(
        session, claim.user_id, claim.key, claim.lease, status_code=answer.status_code, answer=answer.body
    ):
        raise CallStillRunning


def give_back(session: Session, claim: Claim) -> None:
    """Forget the key of a call that had no effect; harmless when another call has claimed it since."""
    repository.delete_key(session, claim.user_id, claim.key, claim.lease)
