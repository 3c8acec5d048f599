"""Rate limiting and circuit breaking of vendor calls, shared by all processes through rows in Postgres.

One row exists per vendor and API key. `acquire` reserves a slot before a call, and `report` records its outcome. The
row keeps three things apart: the minimum interval between calls, the cooldown that a vendor has asked for, and the
circuit breaker. The breaker opens when a vendor keeps failing: all calls then fail at once, except for one probe at a
time. Intervals are only as exact as the clocks of the callers.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall

from .models import ProviderLimit
from .policies import POLICIES, ProviderPolicy

MAX_SLOT_WAIT = timedelta(seconds=2)
"""The longest wait for a slot inside a process; a later slot is refused, and the caller comes back for it."""
MAX_COOLDOWN = timedelta(hours=1)
"""The upper bound for a cooldown, so that one call an hour finds out whether the vendor answers again."""
_SERVER_ERROR = 500


def acquire(session: Session, intent: CallIntent, *, now: datetime) -> float:
    """Reserve the next slot and return the seconds to wait for it; one statement unless the call is refused.

    The key's row stays locked until the transaction ends, so nothing slow may follow in it.

    Raises:
        CallThrottled: no slot was reserved; `retry_after_s` says when to try again.
    """
    if intent.key_hash is None:
        return 0.0
    policy = POLICIES[intent.provider]
    min_interval = policy.min_interval(intent.requests_per_second)
    slot = func.greatest(now, ProviderLimit.next_slot_at, ProviderLimit.cooldown_until)
    is_open = ProviderLimit.opened_at.is_not(None)
    may_probe = ProviderLimit.opened_at <= now - policy.open_for
    is_rate_limited = ProviderLimit.cooldown_until >= ProviderLimit.opened_at + policy.open_for
    statement = (
        upsert(ProviderLimit)
        .values(provider=intent.provider, key_hash=intent.key_hash, next_slot_at=now + min_interval)
        .on_conflict_do_update(
            index_elements=[ProviderLimit.provider, ProviderLimit.key_hash],
            set_={
                "next_slot_at": slot + min_interval,
                # A probe restarts the open period: its process may die without reporting an outcome.
                "opened_at": case((is_open, now), else_=null()),
                # While the probe is under way the breaker stays open for the same reason as before.
                "cooldown_until": case((is_rate_limited, now + policy.open_for), else_=ProviderLimit.cooldown_until),
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
    """Record the outcome of a call that had a slot; a success costs one statement, which usually changes no row.

    Args:
        session: a short transaction of its own, right after the call.
        intent: the call as `acquire` got it.
        call: the finished call.
        retry_after_s: the wait that the vendor asked for, if any.
        now: the current time.
    """
    if intent.key_hash is None or call.error_category == ErrorCategory.INTERNAL:
        return  # a failure on our side says nothing about the vendor
    if is_failure(call):
        _count_failure(session, intent, call, retry_after_s=retry_after_s, now=now)
    else:
        _close(session, intent)


def is_failure(call: ExternalCall) -> bool:
    """Whether the outcome counts against the vendor: throttled, timed out or a server error."""
    match call.error_category:
        case ErrorCategory.RATE_LIMIT | ErrorCategory.TIMEOUT:
            return True
        case ErrorCategory.PROVIDER_ERROR:
            return call.status is None or call.status >= _SERVER_ERROR
    return False


def _close(session: Session, intent: CallIntent) -> None:
    """Close the breaker if this call was its probe; a call from before the breaker opened does not count."""
    session.execute(
        update(ProviderLimit)
        .where(_is_row_of(intent), ProviderLimit.probe_id == intent.id)
        .values(opened_at=None, probe_id=None, failures=[], cooldown_until=None),
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
        if call.error_category == ErrorCategory.RATE_LIMIT:
            # Records why the breaker is open: rate-limited calls must not end as those of a failing provider do.
            row.cooldown_until = max(now + policy.open_for, row.cooldown_until or now)
    session.flush()


def _refusal(session: Session, intent: CallIntent, policy: ProviderPolicy, *, now: datetime) -> CallThrottled:
    """Return why there is no slot, from the row that the previous statement found and locked."""
    row = session.scalars(
        select(ProviderLimit).where(_is_row_of(intent)).execution_options(populate_existing=True)
    ).one()
    slot = max(at for at in (now, row.next_slot_at, row.cooldown_until) if at is not None)
    opens_at = now if row.opened_at is None else row.opened_at + policy.open_for
    is_rate_limited = row.cooldown_until is not None and row.cooldown_until >= opens_at
    if opens_at > now and not is_rate_limited:
        message, category = f"{policy.service} is not available at the moment.", ErrorCategory.PROVIDER_ERROR
    else:
        message, category = f"{policy.service} is limiting our requests at the moment.", ErrorCategory.RATE_LIMIT
    wait = max(slot, opens_at) - now
    return CallThrottled(message, provider=intent.provider, category=category, retry_after_s=wait.total_seconds())


def _is_row_of(intent: CallIntent) -> ColumnElement[bool]:
    return and_(ProviderLimit.provider == intent.provider, ProviderLimit.key_hash == intent.key_hash)
