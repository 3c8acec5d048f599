"""Rate limits are exact to the microsecond, for any number of concurrent callers."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.fixtures.database import Database, count_statements
from tests.fixtures.proof_scale import seeds
from whyviral.core.database import session_scope
from whyviral.throttling.models import RateWindow
from whyviral.throttling.rate_limits import RateState, hit

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def hit_at(
    session: Session,
    now: datetime,
    *,
    scope: str = "test",
    subject: str = "ada",
    limit: int = 3,
    window: timedelta = HOUR,
) -> RateState:
    return hit(session, scope=scope, subject=subject, limit=limit, window=window, now=now)


def test_the_rate_limit_is_exact_and_each_call_returns_its_state(session: Session) -> None:
    states = [hit_at(session, NOON + timedelta(minutes=minutes)) for minutes in (0, 10, 20, 30)]

    assert states == [
        RateState(allowed=True, limit=3, remaining=2, reset_after_s=3600, retry_after_s=None),
        RateState(allowed=True, limit=3, remaining=1, reset_after_s=3000, retry_after_s=None),
        RateState(allowed=True, limit=3, remaining=0, reset_after_s=2400, retry_after_s=None),
        RateState(allowed=False, limit=3, remaining=0, reset_after_s=1800, retry_after_s=1800, is_first_refusal=True),
    ]


def test_the_first_refusal_in_a_window_is_marked(session: Session) -> None:
    minutes = (0, 1, 2, 3, 61, 62, 62, 64, 65)  # allowed: 0, 1, and in the next hour 61, 62

    states = [hit_at(session, NOON + timedelta(minutes=minute), limit=2) for minute in minutes]

    assert [state.allowed for state in states] == [True, True, False, False, True, True, False, False, False]
    assert [state.is_first_refusal for state in states] == [False, False, True] + [False] * 3 + [True, False, False]


@pytest.mark.parametrize(("after", "allowed"), [(HOUR - MICROSECOND, False), (HOUR, True), (HOUR + MICROSECOND, True)])
def test_a_call_counts_for_exactly_one_window(session: Session, after: timedelta, allowed: bool) -> None:
    hit_at(session, NOON, limit=1)

    state = hit_at(session, NOON + after, limit=1)

    assert state.allowed is allowed
    assert state.retry_after_s == (None if allowed else 1)


def test_a_refused_call_does_not_count_against_the_limit(session: Session) -> None:
    for minutes in range(0, 60, 5):
        hit_at(session, NOON + timedelta(minutes=minutes), limit=1)

    assert hit_at(session, NOON + HOUR, limit=1).allowed


def test_every_scope_and_every_subject_has_its_own_window(session: Session) -> None:
    hit_at(session, NOON, limit=1)

    others = [hit_at(session, NOON, scope="other", limit=1), hit_at(session, NOON, subject="bob", limit=1)]

    assert [state.allowed for state in others] == [True, True]


def test_a_limit_of_zero_refuses_the_first_call(session: Session) -> None:
    states = [hit_at(session, NOON, limit=0) for _ in range(2)]

    refused = RateState(allowed=False, limit=0, remaining=0, reset_after_s=0, retry_after_s=3600)
    assert states == [replace(refused, is_first_refusal=True), refused]


def test_a_lowered_limit_applies_at_once(session: Session) -> None:
    for minutes in range(3):
        hit_at(session, NOON + timedelta(minutes=minutes), limit=3)

    state = hit_at(session, NOON + timedelta(minutes=3), limit=2)

    # With a limit of two, the last call but one has to leave the window.
    assert state == RateState(
        allowed=False,
        limit=2,
        remaining=0,
        reset_after_s=57 * 60,
        retry_after_s=58 * 60,
        is_first_refusal=True,
    )


def test_a_call_that_lost_a_race_counts_at_the_time_of_the_later_one(session: Session) -> None:
    hit_at(session, NOON + MICROSECOND)

    late = hit_at(session, NOON)

    assert late.allowed
    assert session.scalars(select(RateWindow.hits)).one() == [NOON + MICROSECOND] * 2


def test_the_stored_times_are_limited_in_number_and_expire(session: Session) -> None:
    for seconds in range(20):
        hit_at(session, NOON + timedelta(seconds=seconds), limit=3)

    row = session.scalars(select(RateWindow).where(RateWindow.subject == "ada")).one()
    assert row.hits == [NOON + timedelta(seconds=seconds) for seconds in range(3)]
    assert row.expires_at == NOON + timedelta(seconds=19) + HOUR


def test_a_call_is_one_statement_whether_it_is_allowed_or_refused(session: Session) -> None:
    with count_statements() as statements:
        states = [hit_at(session, NOON, limit=1), hit_at(session, NOON, limit=1), hit_at(session, NOON + HOUR, limit=1)]

    assert [state.allowed for state in states] == [True, False, True]
    assert len(statements) == 3


def call_at_once(database: Database, *, calls: int, limit: int, round_: int) -> list[bool]:
    def call(number: int) -> bool:
        with session_scope(database.engine) as session:
            return hit_at(session, NOON + number * MICROSECOND, subject=f"round {round_}", limit=limit).allowed

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(call, random.Random(round_).sample(range(calls), calls)))


def test_exactly_the_limit_of_two_hundred_concurrent_calls_is_allowed(
    fresh_database: Callable[[], Database],
) -> None:
    database = fresh_database()

    assert [sum(call_at_once(database, calls=200, limit=20, round_=round_)) for round_ in range(3)] == [20, 20, 20]


@pytest.mark.proof
@pytest.mark.parametrize("seed", seeds(20))
def test_no_window_exceeds_the_limit_and_no_call_is_refused_below_it(session: Session, seed: int) -> None:
    chance = random.Random(seed)
    limit, window = chance.randint(1, 6), timedelta(seconds=chance.randint(1, 30))
    now, allowed = NOON, list[datetime]()

    for _ in range(400):
        now += chance.choice((timedelta(0), MICROSECOND, timedelta(seconds=chance.randint(0, 10))))
        in_window = [at for at in allowed if at > now - window]
        state = hit_at(session, now, subject=f"seed {seed}", limit=limit, window=window)
        assert state.allowed is (len(in_window) < limit)
        if state.allowed:
            allowed.append(now)
        else:
            assert state.retry_after_s is not None
            assert in_window[0] + window <= now + timedelta(seconds=state.retry_after_s)
