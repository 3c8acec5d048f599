"""Who reads a medium: one worker at a time, and what it finds never makes worse what is known already.

Reading a video takes minutes, and two requests may hold the same new one. A claim ends soon unless it is renewed, so
that the medium of a worker that died is read by the next one.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy.orm import Session

from whyviral.social.models import PostMedia

from . import repository

LEASE = timedelta(seconds=60)
"""How long a claim lasts after it was made or renewed; renewed four times as often, it outlives a slow database."""


class NotClaimed(Enum):
    """Why a medium is not ours to read."""

    BUSY = auto()
    """Somebody else reads it now."""
    DONE = auto()
    """Nothing is left to read: somebody has read it, or it is gone."""


def claim_medium(
    session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, replaces: Collection[uuid.UUID], now: datetime
) -> PostMedia | NotClaimed:
    """Claim a medium if it needs work and nobody else is at it, and return it as it is now.

    Args:
        session: the transaction; the claim counts once it commits.
        media_id: the medium.
        lease_owner: the attempt that wants to read it.
        replaces: claimants that this one has replaced: whatever they are still doing counts no more.
        now: the time of the claim.
    """
    claimed = repository.claim_medium(
        session, media_id, lease_owner=lease_owner, replaces=replaces, now=now, until=now + LEASE
    )
    if claimed is not None:
        return claimed
    return NotClaimed.BUSY if repository.is_unprocessed(session, media_id) else NotClaimed.DONE


def renew_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, now: datetime) -> None:
    """Prolong a claim; one that somebody else has taken over stays theirs."""
    repository.set_claim(session, media_id, lease_owner=lease_owner, until=now + LEASE)


def release_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID) -> None:
    """End a claim, so that the next one need not wait for its end."""
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
    """Lock a medium and return whether news of it may be saved.

    A success is true whoever found it out, and is saved unless somebody was faster. A failure is saved only while
    nobody else is at work: theirs may succeed.
    """
    repository.lock_post(session, post_id)  # first, as those do who replace a post's media
    medium = repository.lock_medium(session, media_id)
    if medium is None or medium.processed_at is not None:
        return False
    is_free = medium.claimed_until is None or medium.claimed_until <= now
    return is_success or is_free or medium.claimed_by == lease_owner
