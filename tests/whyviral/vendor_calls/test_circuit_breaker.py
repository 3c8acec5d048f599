"""Minimum intervals, cooldowns and the circuit breaker, shared by all callers with the same key."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from tests.fakes.clock import FakeClock
from tests.fixtures.database import Database, count_statements
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata import errors as brightdata_errors
from whyviral.integrations.errors import CallThrottled
from whyviral.integrations.gemini import errors as gemini_errors
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.integrations.twitterapi import errors as twitterapi_errors
from whyviral.vendor_calls import circuit_breaker
from whyviral.vendor_calls.policies import POLICIES

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FREE_TIER = 0.2
CALLERS = 50


def intent_of(provider: str = "twitterapi", *, key: str = "a", per_second: float | None = None) -> CallIntent:
    return CallIntent(provider, "GET /", NOON, key_hash=key, requests_per_second=per_second)


def ended(intent: CallIntent, category: ErrorCategory | None = None, *, status: int | None = 200) -> ExternalCall:
    return ExternalCall(intent.provider, intent.operation, NOON, 5, status, category, id=intent.id)


class Key:
    """A caller with one key of a provider, with a clock that only the test moves."""

    def __init__(self, session: Session, provider: str, *, key: str = "a", per_second: float | None = None) -> None:
        self._session = session
        self._provider = provider
        self._key = key
        self._per_second = per_second
        self.now = NOON

    def acquire(self) -> tuple[CallIntent, float]:
        intent = intent_of(self._provider, key=self._key, per_second=self._per_second)
        return intent, circuit_breaker.acquire(self._session, intent, now=self.now)

    def refusal(self) -> tuple[ErrorCategory, float]:
        with pytest.raises(CallThrottled) as refused:
            self.acquire()
        assert refused.value.is_transient
        assert refused.value.retry_after_s is not None
        return refused.value.category, round(refused.value.retry_after_s, 3)

    def report(
        self,
        intent: CallIntent,
        category: ErrorCategory | None = None,
        *,
        status: int | None = 200,
        retry_after_s: float | None = None,
    ) -> None:
        call = ended(intent, category, status=status)
        circuit_breaker.report(self._session, intent, call, retry_after_s=retry_after_s, now=self.now)

    def call(self, category: ErrorCategory | None = None, *, status: int | None = 200) -> None:
        """Make a call three seconds after the previous one."""
        self.now += timedelta(seconds=3)
        intent, _ = self.acquire()
        self.report(intent, category, status=status)

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.call(ErrorCategory.PROVIDER_ERROR, status=503)


def test_calls_keep_the_minimum_interval_and_a_distant_slot_is_refused(session: Session) -> None:
    key = Key(session, "twitterapi", per_second=1.0)

    waits = [round(key.acquire()[1], 2) for _ in range(2)]
    refusals = [key.refusal() for _ in range(2)]

    assert waits == [0.0, 1.2]
    assert refusals == [(ErrorCategory.RATE_LIMIT, 2.4)] * 2


def test_an_idle_key_does_not_accumulate_slots(session: Session) -> None:
    key = Key(session, "twitterapi", per_second=FREE_TIER)
    key.acquire()

    key.now += timedelta(hours=1)
    first = key.acquire()[1]
    second = key.refusal()

    assert (first, second) == (0.0, (ErrorCategory.RATE_LIMIT, 6.0))


def test_every_key_and_every_provider_has_its_own_limits(session: Session) -> None:
    Key(session, "twitterapi", per_second=FREE_TIER).acquire()

    others = [Key(session, "twitterapi", key="b", per_second=FREE_TIER), Key(session, "brightdata")]

    assert [key.acquire()[1] for key in others] == [0.0, 0.0]


def test_a_call_without_a_key_is_allowed_without_a_query(session: Session) -> None:
    intent = CallIntent("supabase", "GET /", NOON)

    with count_statements() as statements:
        waits = [circuit_breaker.acquire(session, intent, now=NOON) for _ in range(2)]
        circuit_breaker.report(session, intent, ended(intent), retry_after_s=None, now=NOON)

    assert (waits, statements) == ([0.0, 0.0], [])


def test_acquiring_a_slot_and_reporting_a_success_take_one_statement_each(session: Session) -> None:
    key = Key(session, "gemini")

    with count_statements() as entering:
        intent, _ = key.acquire()
    with count_statements() as leaving:
        key.report(intent)

    assert (len(entering), len(leaving)) == (1, 1)


def test_a_cooldown_applies_to_all_processes(session: Session) -> None:
    one, another = Key(session, "gemini"), Key(session, "gemini")
    intent, _ = one.acquire()

    one.report(intent, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=29.0)

    assert another.refusal() == (ErrorCategory.RATE_LIMIT, 29.0)
    another.now += timedelta(seconds=28)
    assert another.acquire()[1] == 1.0


def test_a_shorter_cooldown_does_not_end_a_longer_one(session: Session) -> None:
    key = Key(session, "gemini")
    first, second = key.acquire()[0], key.acquire()[0]

    key.report(first, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=29.0)
    key.report(second, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=3.0)

    assert key.refusal() == (ErrorCategory.RATE_LIMIT, 29.0)


@pytest.mark.parametrize(("asked_s", "rest_s"), [(None, 32.0), (86_400.0, 3600.0)])
def test_a_cooldown_defaults_to_the_policy_and_is_limited_to_an_hour(
    session: Session, asked_s: float | None, rest_s: float
) -> None:
    key = Key(session, "brightdata")
    intent, _ = key.acquire()

    key.report(intent, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=asked_s)

    assert key.refusal() == (ErrorCategory.RATE_LIMIT, rest_s)


def test_after_a_cooldown_calls_keep_the_minimum_interval_again(session: Session) -> None:
    key = Key(session, "twitterapi", per_second=1.0)
    intent, _ = key.acquire()
    key.report(intent, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=10.0)

    key.now += timedelta(seconds=9.5)

    assert [round(key.acquire()[1], 2) for _ in range(2)] == [0.5, 1.7]


def test_the_breaker_opens_at_the_tenth_failure_and_not_before(session: Session) -> None:
    key = Key(session, "twitterapi")
    key.fail(9)
    key.acquire()

    key.fail(1)

    assert key.refusal() == (ErrorCategory.PROVIDER_ERROR, 60.0)


def test_ten_rate_limit_errors_in_five_minutes_open_bright_datas_breaker(session: Session) -> None:
    key = Key(session, "brightdata")

    for _ in range(10):
        key.now += timedelta(seconds=29)
        intent, _ = key.acquire()
        key.report(intent, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=1.0)

    assert key.refusal() == (ErrorCategory.RATE_LIMIT, 300.0)


@pytest.mark.parametrize("provider", sorted(POLICIES))
def test_many_429_answers_are_reported_as_rate_limit_for_every_vendor(session: Session, provider: str) -> None:
    key, policy = Key(session, provider), POLICIES[provider]
    for _ in range(policy.max_failures):
        intent, wait_s = key.acquire()
        key.report(intent, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=0.0)
        key.now += timedelta(seconds=wait_s + 0.5)

    opened = key.refusal()[0]
    key.now += policy.open_for
    probe, _ = key.acquire()
    during_probe = key.refusal()[0]
    key.report(probe, ErrorCategory.RATE_LIMIT, status=429, retry_after_s=0.0)
    after_probe = key.refusal()[0]

    assert {opened, during_probe, after_probe} == {ErrorCategory.RATE_LIMIT}


def test_a_failed_probe_turns_a_rate_limit_into_a_provider_error(session: Session) -> None:
    key = Key(session, "twitterapi")
    for _ in range(10):
        key.now += timedelta(seconds=3)
        key.report(key.acquire()[0], ErrorCategory.RATE_LIMIT, status=429, retry_after_s=0.0)
    key.now += timedelta(seconds=60)
    probe, _ = key.acquire()
    key.now += timedelta(seconds=1)

    key.report(probe, ErrorCategory.PROVIDER_ERROR, status=503)

    assert key.refusal() == (ErrorCategory.PROVIDER_ERROR, 60.0)


def test_a_successful_probe_also_ends_the_cooldown(session: Session) -> None:
    key = Key(session, "twitterapi")
    for _ in range(10):
        key.now += timedelta(seconds=3)
        key.report(key.acquire()[0], ErrorCategory.RATE_LIMIT, status=429, retry_after_s=0.0)
    key.now += timedelta(seconds=60)
    probe, _ = key.acquire()

    key.report(probe)

    assert key.acquire()[1] < 2


def test_failures_outside_the_window_do_not_open_the_breaker(session: Session) -> None:
    key = Key(session, "brightdata")

    for _ in range(20):
        key.now += timedelta(seconds=31)
        key.fail(1)

    key.acquire()


@pytest.mark.parametrize(
    ("category", "status"),
    [
        (None, 200),
        (ErrorCategory.NOT_FOUND, 200),
        (ErrorCategory.AUTH, 401),
        (ErrorCategory.AI_ERROR, 200),
        (ErrorCategory.PROVIDER_ERROR, 404),
        (ErrorCategory.INTERNAL, None),
    ],
)
def test_failures_that_are_not_the_providers_fault_do_not_count(
    session: Session, category: ErrorCategory | None, status: int | None
) -> None:
    key = Key(session, "twitterapi")

    for _ in range(20):
        key.call(category, status=status)

    key.acquire()


@pytest.mark.parametrize(("category", "status"), [(ErrorCategory.TIMEOUT, None), (ErrorCategory.PROVIDER_ERROR, None)])
def test_calls_without_an_answer_count_as_failures(
    session: Session, category: ErrorCategory, status: int | None
) -> None:
    key = Key(session, "twitterapi")

    for _ in range(10):
        key.call(category, status=status)

    assert key.refusal()[0] is ErrorCategory.PROVIDER_ERROR


def test_an_open_breaker_allows_one_probe_whose_success_closes_it(session: Session) -> None:
    key = Key(session, "twitterapi")
    key.fail(10)

    key.now += timedelta(seconds=60)
    probe, _ = key.acquire()
    meanwhile = key.refusal()
    key.report(probe)
    key.fail(9)

    assert meanwhile == (ErrorCategory.PROVIDER_ERROR, 60.0)
    key.acquire()


def test_a_failed_probe_opens_the_breaker_again(session: Session) -> None:
    key = Key(session, "twitterapi")
    key.fail(10)

    key.now += timedelta(seconds=60)
    probe, _ = key.acquire()
    key.now += timedelta(seconds=20)
    key.report(probe, ErrorCategory.TIMEOUT, status=None)

    assert key.refusal() == (ErrorCategory.PROVIDER_ERROR, 60.0)


def test_a_probe_without_an_outcome_is_followed_by_another(session: Session) -> None:
    key = Key(session, "twitterapi")
    key.fail(10)
    key.now += timedelta(seconds=60)
    lost, _ = key.acquire()

    key.now += timedelta(seconds=60)
    probe, _ = key.acquire()
    key.report(lost)
    still_open = key.refusal()[0]
    key.report(probe)

    assert still_open is ErrorCategory.PROVIDER_ERROR
    key.now += timedelta(seconds=1)
    key.acquire()


def test_a_success_from_before_the_breaker_opened_does_not_close_it(session: Session) -> None:
    key = Key(session, "twitterapi")
    early, _ = key.acquire()
    key.fail(10)

    key.report(early)

    assert key.refusal()[0] is ErrorCategory.PROVIDER_ERROR


@pytest.mark.proof
def test_concurrent_callers_with_a_free_key_get_one_slot_in_five_seconds(
    fresh_database: Callable[[], Database],
) -> None:
    database, clock = fresh_database(), FakeClock(NOON)
    slots: list[datetime] = []

    def make_call(_: int) -> None:
        intent, now = intent_of(per_second=FREE_TIER), clock()
        try:
            with session_scope(database.engine) as session:
                wait_s = circuit_breaker.acquire(session, intent, now=now)
        except CallThrottled:
            return
        slots.append(now + timedelta(seconds=wait_s))

    with ThreadPoolExecutor(CALLERS) as pool:
        for _ in range(12):
            list(pool.map(make_call, range(CALLERS)))
            clock.advance(1.7)

    slots.sort()
    assert len(slots) == 4
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in pairwise(slots))


@pytest.mark.proof
def test_rate_limit_errors_stay_far_below_the_number_that_blocks_us_at_bright_data(
    fresh_database: Callable[[], Database],
) -> None:
    database, clock = fresh_database(), FakeClock(NOON)
    refused_at: list[datetime] = []

    def make_call(_: int) -> None:
        intent = intent_of("brightdata")
        try:
            with session_scope(database.engine) as session:
                circuit_breaker.acquire(session, intent, now=clock())
        except CallThrottled:
            return
        refused_at.append(clock())
        with session_scope(database.engine) as session:
            call = ended(intent, ErrorCategory.RATE_LIMIT, status=429)
            circuit_breaker.report(session, intent, call, retry_after_s=None, now=clock())

    with ThreadPoolExecutor(CALLERS) as pool:
        for _ in range(20):
            list(pool.map(make_call, range(CALLERS)))
            clock.advance(33)

    # Over twelve minutes, each five minutes have fewer errors than the vendor's warning level plus one burst.
    max_errors = max(sum(start <= at < start + timedelta(minutes=5) for at in refused_at) for start in refused_at)
    assert 10 <= max_errors < 20


def test_policies_and_clients_use_the_same_provider_names() -> None:
    clients = (twitterapi_errors, brightdata_errors, gemini_errors)

    assert {client.PROVIDER: client.SERVICE for client in clients}.items() <= {
        name: policy.service for name, policy in POLICIES.items()
    }.items()


def test_no_probe_lasts_longer_than_a_breaker_is_open() -> None:
    longest_call = timedelta(seconds=65)  # a prompt to the model; all other calls end within 20 s

    assert all(policy.open_for > timedelta(seconds=20) for policy in POLICIES.values())
    assert POLICIES["gemini"].open_for > longest_call
