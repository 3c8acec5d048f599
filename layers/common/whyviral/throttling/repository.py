"""The queries of rate limits and idempotency keys. Each decision is one statement under a row lock."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from .models import IdempotencyKey

# The times stay sorted: a call counts at its own time or at that of the latest counted call, if that is later. So a
# process whose clock is slightly behind cannot use a window that another process has already emptied. A conflicting
# insert waits for the row lock and then sees the row's latest version, so no two calls decide on the same times.
_HIT = text("""
    insert into rate_windows as own (scope, subject, hits, was_allowed, expires_at, refusals, refused_since)
    values (
      :scope, :subject,
      case when :limit > 0 then array[cast(:now as timestamptz)] else '{}' end, :limit > 0,
      cast(:now as timestamptz) + cast(:window as interval),
      case when :limit > 0 then 0 else 1 end, case when :limit > 0 then null else cast(:now as timestamptz) end
    )
    on conflict (scope, subject) do update
    set (hits, was_allowed, expires_at, refusals, refused_since, updated_at) = (
      select
        case when cardinality(recent) < :limit then recent || at else recent end,
        cardinality(recent) < :limit,
        at + cast(:window as interval),
        case
          when cardinality(recent) < :limit then own.refusals
          when own.refused_since > at - cast(:window as interval) then own.refusals + 1
          else 1
        end,
        case
          when cardinality(recent) < :limit or own.refused_since > at - cast(:window as interval)
            then own.refused_since
          else at
        end,
        now()
      from
        (select greatest(cast(:now as timestamptz), own.hits[cardinality(own.hits)]) as at) as clock,
        lateral (
          select array(
            select counted from unnest(own.hits) as counted where counted > at - cast(:window as interval)
            order by counted
          ) as recent
        ) as pruned
    )
    returning hits, was_allowed, refusals
""")


@dataclass(frozen=True, slots=True)
class Window:
    """The counted calls, oldest first, and whether the latest call was allowed."""

    hits: list[datetime]
    was_allowed: bool
    refusals: int
    """The number of refused calls in the window that starts with the first of them."""


def hit_window(session: Session, scope: str, subject: str, *, limit: int, window: timedelta, now: datetime) -> Window:
    """Count a call if fewer than `limit` calls are in the window, and delete those that have left it."""
    values = {"scope": scope, "subject": subject, "limit": limit, "window": window, "now": now}
    hits, was_allowed, refusals = session.execute(_HIT, values).one()
    return Window(hits=list(hits), was_allowed=was_allowed, refusals=refusals)


def claim_key(
    session: Session,
    user_id: uuid.UUID,
    key: str,
    fingerprint: str,
    lease: uuid.UUID,
    *,
    now: datetime,
    leased_until: datetime,
    expires_at: datetime,
) -> bool:
    """Lease a key that is new, has expired, or whose lease ran out without a response; return whether it succeeded."""
    fresh = {
        "fingerprint": fingerprint,
        "lease": lease,
        "leased_until": leased_until,
        "expires_at": expires_at,
        "status_code": None,
        "answer": None,
    }
    has_expired = IdempotencyKey.expires_at <= now
    is_orphaned = and_(
        IdempotencyKey.answer.is_(None),
        IdempotencyKey.leased_until <= now,
        IdempotencyKey.fingerprint == fingerprint,
    )
    claimed = session.execute(
        upsert(IdempotencyKey)
        .values(user_id=user_id, key=key, **fresh)
        .on_conflict_do_update(
            index_elements=[IdempotencyKey.user_id, IdempotencyKey.key],
            set_=fresh | {"updated_at": func.now()},
            where=or_(has_expired, is_orphaned),
        )
        .returning(IdempotencyKey.id)
    )
    return claimed.first() is not None


def find_key(session: Session, user_id: uuid.UUID, key: str) -> IdempotencyKey | None:
    """Return a key of the user, or None."""
    return session.scalar(
        select(IdempotencyKey).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key),
        execution_options={"populate_existing": True},
    )


def store_answer(
    session: Session, user_id: uuid.UUID, key: str, lease: uuid.UUID, *, status_code: int, answer: str
) -> bool:
    """Store the response if the call still holds the lease; return whether it does."""
    stored = session.execute(
        update(IdempotencyKey)
        .where(*_leased(user_id, key, lease))
        .values(status_code=status_code, answer=answer)
        .returning(IdempotencyKey.id),
        execution_options={"synchronize_session": False},
    )
    return stored.first() is not None


def delete_key(session: Session, user_id: uuid.UUID, key: str, lease: uuid.UUID) -> None:
    """Delete a key without a response if the lease still holds it."""
    session.execute(
        delete(IdempotencyKey).where(*_leased(user_id, key, lease), IdempotencyKey.answer.is_(None)),
        execution_options={"synchronize_session": False},
    )


def _leased(user_id: uuid.UUID, key: str, lease: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    return (IdempotencyKey.user_id == user_id, IdempotencyKey.key == key, IdempotencyKey.lease == lease)
