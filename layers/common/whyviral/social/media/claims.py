"""Leases on media: one worker processes a medium at a time, and its results never replace better ones.

Processing a video takes minutes, and two requests may need the same new video. A claim expires soon unless it is
renewed, so that another worker can take over the medium of a worker that stopped.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy.orm import Session

from whyviral.social.models import PostMedia

from . import repository

LEASE = timedelta(seconds=60)
"""How long a claim lasts after it was made or renewed. Workers renew it four times in that time, so that a slow
database does not end it."""


class NotClaimed(Enum):
    """Why a medium could not be claimed."""

    BUSY = auto()
    """Another worker is processing it."""
    DONE = auto()
    """It needs no work: it has been processed or deleted."""


def claim_medium(
    session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, replaces: Collection[uuid.UUID], now: datetime
) -> PostMedia | NotClaimed:
    """Claim a medium that needs work and has no other lease owner, and return its current row.

    Args:
        session: the transaction; the claim takes effect when it commits.
        media_id: the medium.
        lease_owner: the attempt that wants to process it.
        replaces: superseded lease owners, whose claims are ignored.
        now: the time of the claim.
    """
    claimed = repository.claim_medium(
        session, media_id, lease_owner=lease_owner, replaces=replaces, now=now, until=now + LEASE
    )
    if claimed is not None:
        return claimed
    return NotClaimed.BUSY if repository.is_unprocessed(session, media_id) else NotClaimed.DONE


def renew_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, now: datetime) -> None:
    """Extend a claim, unless another lease owner has taken it over."""
    repository.set_claim(session, media_id, lease_owner=lease_owner, until=now + LEASE)


def release_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID) -> None:
    """Release a claim, so that the next worker need not wait until it expires."""
    repository.set_claim(session, media_id, lease_owner=lease_owner, until=None)


def may_record(
    session: Session,
    media_id: uuid.UUID,
    post_id: uuid.UUID,
    *,
    lease_owner: uuid.UUID,
    is_success: bool,
    now: datetime,
) -> bool:
    """Lock a medium and return whether a result for it may be saved.

    A success is valid no matter who owns the lease, and is saved unless a result exists already. A failure is saved
    only if no other worker is processing the medium, because that worker may succeed.
    """
    repository.lock_post(session, post_id)  # first, in the same lock order as `replace_media`
    medium = repository.lock_medium(session, media_id)
    if medium is None or medium.processed_at is not None:
        return False
    is_free = medium.claimed_until is None or medium.claimed_until <= now
    return is_success or is_free or medium.claimed_by == lease_owner
