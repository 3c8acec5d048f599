"""How often a provider may be called with one of our keys, whoever calls it: rows in Postgres, shared by everybody.

A call takes its turn with `acquire` before it is made, and `report` notes what became of it. Three things are kept apart:
the distance between two calls, the rest that a provider has asked for, and the breaker, which opens when a provider
keeps failing: everybody then fails at once, and only one call now and then is let through to see whether it is well.
Distances hold as well as the clocks of those who call agree.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled

from .calls import CallIntent, ExternalCall
from .models import ProviderLimit
from .policies import POLICIES, ProviderPolicy

MAX_SLOT_WAIT = timedelta(seconds=2)
"""A turn that comes within it is taken and waited for; for a later one nobody stays awake."""
MAX_COOLDOWN = timedelta(hours=1)
"""Whatever a provider asks for: with one more question an hour we learn that it has changed its mind."""
_SERVER_ERROR = 500


def acquire(session: Session, intent: CallIntent, *, now: datetime) -> float:
    """Take a turn at the provider and return the seconds to wait before the call; one statement unless it is refused.

    The key's row stays locked until the transaction ends: nothing slow may follow in it.

    Raises:
        CallThrottled: no turn is taken, and `retry_after_s` says when there may be one.
    """
    if intent.key_hash is None:
        return 0.0
    policy = POLICIES[intent.provider]
    min_interval = policy.min_interval(intent.requests_per_second)
    slot = func.greatest(now, ProviderLimit.next_slot_at, ProviderLimit.cooldown_until)
    is_open = ProviderLimit.opened_at.is_not(None)
    may_probe = ProviderLimit.opened_at <= now - policy.open_for
    statement = (
        upsert(ProviderLimit)
        .values(provider=intent.provider, key_hash=intent.key_hash, next_slot_at=now + min_interval)
        .on_conflict_do_update(
            index_elements=[ProviderLimit.provider, ProviderLimit.key_hash],
            set_={
                "next_slot_at": slot + min_interval,
                # A probe keeps the others out for as long as its failure would: it may die and never tell its end.
                "opened_at": case((is_open, now), else_=null()),
                "probe_id": case((is_open, intent.id), else_=null()),
                "updated_at": func.now(),
            },
            where=and_(slot <= now + MAX_SLOT_WAIT, or_(~is_open, may_probe)),
        )
        .returning(ProviderLimit.next_slot_at)
    )
    next_slot_at = session.scalar(statement)
    if next_slot_at is None:
        raise _refusal(session, intent, policy, now=now)
    return max(0.0, (next_slot_at - min_interval - now).total_seconds())


def report(
    session: Session,
    intent: CallIntent,
    call: ExternalCall,
    *,
    retry_after_s: float | None,
    now: datetime,
) -> None:
    """Note what became of a call that was let in; an answer of the provider costs one statement that changes nothing.

    Args:
        session: of a short transaction of its own, right after the call.
        intent: as it was let in.
        call: how it ended.
        retry_after_s: how long the provider asked us to wait, where it did.
        now: the time.
    """
    if intent.key_hash is None or call.error_category == ErrorCategory.INTERNAL:
        return  # what broke on our side tells nothing about the provider
    if is_failure(call):
        _count_failure(session, intent, call, retry_after_s=retry_after_s, now=now)
    else:
        _close(session, intent)


def is_failure(call: ExternalCall) -> bool:
    """Whether a call ended as those do that are too many, or as those of a provider that is out of order."""
    match call.error_category:
        case ErrorCategory.RATE_LIMIT | ErrorCategory.TIMEOUT:
            return True
        case ErrorCategory.PROVIDER_ERROR:
            return call.status is None or call.status >= _SERVER_ERROR
    return False


def _close(session: Session, intent: CallIntent) -> None:
    """Let everybody in again if this call was the probe: one that was let in before the breaker opened says nothing."""
    session.execute(
        update(ProviderLimit)
        .where(_is_row_of(intent), ProviderLimit.probe_id == intent.id)
        .values(opened_at=None, probe_id=None, failures=[]),
        execution_options={"synchronize_session": False},
    )


def _count_failure(
    session: Session, intent: CallIntent, call: ExternalCall, *, retry_after_s: float | None, now: datetime
) -> None:
    policy = POLICIES[intent.provider]
    row = session.scalars(select(ProviderLimit).where(_is_row_of(intent)).with_for_update()).one()
    if call.error_category == ErrorCategory.RATE_LIMIT and retry_after_s is None:
        retry_after_s = policy.cooldown.total_seconds()
    if retry_after_s is not None:
        cooldown_until = now + min(timedelta(seconds=retry_after_s), MAX_COOLDOWN)
        row.cooldown_until = max(cooldown_until, row.cooldown_until or cooldown_until)
    recent = [at for at in row.failures if at > now - policy.failure_window]
    row.failures = [*recent, now][-policy.max_failures :]
    was_probe = row.probe_id == intent.id
    if was_probe or (row.opened_at is None and len(row.failures) >= policy.max_failures):
        row.opened_at, row.probe_id = now, None
    session.flush()


def _refusal(session: Session, intent: CallIntent, policy: ProviderPolicy, *, now: datetime) -> CallThrottled:
    """Return why there is no slot, from the row as the statement before has found and locked it."""
    row = session.scalars(
        select(ProviderLimit).where(_is_row_of(intent)).execution_options(populate_existing=True)
    ).one()
    slot = max(at for at in (now, row.next_slot_at, row.cooldown_until) if at is not None)
    opens_at = now if row.opened_at is None else row.opened_at + policy.open_for
    if opens_at > now:
        message, category = f"{policy.service} is out of order.", ErrorCategory.PROVIDER_ERROR
    else:
        message, category = f"{policy.service} asks us to slow down.", ErrorCategory.RATE_LIMIT
    wait = max(slot, opens_at) - now
    return CallThrottled(message, provider=intent.provider, category=category, retry_after_s=wait.total_seconds())


def _is_row_of(intent: CallIntent) -> ColumnElement[bool]:
    return and_(ProviderLimit.provider == intent.provider, ProviderLimit.key_hash == intent.key_hash)
