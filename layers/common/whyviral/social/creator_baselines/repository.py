"""Every query of creators' recent posts."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from .models import CreatorBaselineRow


def claim(
    session: Session,
    key: tuple[str, str, str],
    *,
    lease_owner: uuid.UUID,
    now: datetime,
    lease: timedelta,
    fresh_since: datetime,
    is_stand_in: bool,
) -> CreatorBaselineRow | None:
    """Claim a list that is neither fresh nor claimed by another owner, in one statement; None if it is either.

    Args:
        session: the transaction; the claim takes effect when it commits.
        key: platform, creator and kind.
        lease_owner: the attempt that wants to read the list.
        now: the current time.
        lease: how long no other owner may read it.
        fresh_since: an older list is read again.
        is_stand_in: whether the list would come from a stand-in; a list of another source is never fresh.
    """
    platform, creator, kind = key
    lease_values = {"claimed_by": lease_owner, "claimed_until": now + lease}
    is_free = or_(
        CreatorBaselineRow.claimed_until.is_(None),
        CreatorBaselineRow.claimed_until < now,
        CreatorBaselineRow.claimed_by == lease_owner,
    )
    statement = (
        upsert(CreatorBaselineRow)
        .values(platform=platform, creator=creator, kind=kind, **lease_values)
        .on_conflict_do_update(
            index_elements=[CreatorBaselineRow.platform, CreatorBaselineRow.creator, CreatorBaselineRow.kind],
            set_=lease_values | {"updated_at": func.now()},
            where=and_(_is_stale(fresh_since, is_stand_in=is_stand_in), is_free),
        )
        .returning(CreatorBaselineRow)
    )
    return session.scalar(statement, execution_options={"populate_existing": True})


def find(session: Session, key: tuple[str, str, str]) -> CreatorBaselineRow | None:
    """Return the list of a platform, creator and kind."""
    platform, creator, kind = key
    return session.scalar(
        select(CreatorBaselineRow).where(
            CreatorBaselineRow.platform == platform,
            CreatorBaselineRow.creator == creator,
            CreatorBaselineRow.kind == kind,
        ),
        execution_options={"populate_existing": True},
    )


def get_by_id(session: Session, row_id: uuid.UUID) -> CreatorBaselineRow | None:
    """Return a list by its id; None after its deletion."""
    return session.get(CreatorBaselineRow, row_id)


def update_claimed(session: Session, row_id: uuid.UUID, values: dict[str, Any]) -> None:
    """Overwrite a list; the caller decides whether that releases its claim."""
    session.execute(
        update(CreatorBaselineRow)
        .where(CreatorBaselineRow.id == row_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def release(session: Session, row_id: uuid.UUID, *, lease_owner: uuid.UUID) -> None:
    """Release this owner's claim without a result, so that others need not wait until it expires."""
    session.execute(
        update(CreatorBaselineRow)
        .where(CreatorBaselineRow.id == row_id, CreatorBaselineRow.claimed_by == lease_owner)
        .values(claimed_by=None, claimed_until=None)
        .execution_options(synchronize_session=False)
    )


def delete_old(session: Session, *, before: datetime, limit: int) -> int:
    """Delete a batch of lists that were read before a time, or never and not tried since; return their number."""
    last_used = func.coalesce(CreatorBaselineRow.fetched_at, CreatorBaselineRow.updated_at)
    old = select(CreatorBaselineRow.id).where(last_used < before).limit(limit)
    deleted = session.scalars(
        delete(CreatorBaselineRow).where(CreatorBaselineRow.id.in_(old)).returning(CreatorBaselineRow.id)
    )
    return len(deleted.all())


def _is_stale(fresh_since: datetime, *, is_stand_in: bool) -> ColumnElement[bool]:
    return or_(
        CreatorBaselineRow.fetched_at.is_(None),
        CreatorBaselineRow.fetched_at < fresh_since,
        CreatorBaselineRow.is_stand_in != is_stand_in,
    )
