"""Usage limits below, at and above the limit, also for concurrent calls; only delivered analyses are charged."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.factories import create_request, create_subscription, create_usage, create_user
from tests.fixtures.database import Database, count_statements
from tests.fixtures.waits import WAIT_S
from whyviral.accounts.models import Plan, User
from whyviral.accounts.service import NoCurrentPlan, get_user_plan
from whyviral.core.clock import end_of_day
from whyviral.core.database import session_scope
from whyviral.usage import service as usage_service
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.usage.repository import CountedUrl
from whyviral.usage.service import Limits, PlatformAllowance, PlatformUsage, UsageLimitReached, UsageToday

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 11, 25), date(2026, 11, 26)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
PLATFORMS = ["instagram", "x", "youtube"]
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def user(session: Session) -> User:
    """A user on the Free plan, which allows ten analyses a day on each platform."""
    user = create_user(session)
    create_subscription(session, user)
    return user


def new_urls(session: Session, user: User, number: int, *, platform: str = "x") -> list[CountedUrl]:
    """Create a request and return its URLs."""
    request = create_request(session, user, platform=platform)
    return [CountedUrl(request.id, platform, f"https://{platform}.example/{index}") for index in range(number)]


def count(session: Session, user: User, urls: Sequence[CountedUrl], *, now: datetime = NOON) -> None:
    usage_service.increment_usage(session, user.id, urls, plan=get_user_plan(session, user.id), now=now)


def settle(session: Session, request_id: uuid.UUID, *, explained: Sequence[CountedUrl] = ()) -> None:
    usage_service.settle_usage(session, request_id, explained=[url.url for url in explained], suggestions=4)


def used(session: Session, user: User) -> dict[tuple[date, str], int]:
    rows = session.execute(
        select(UserUsage.usage_date, UserUsage.platform, UserUsage.url_lookups).where(UserUsage.user_id == user.id)
    )
    return {(day, platform): urls for day, platform, urls in rows}


def reserved(session: Session, user: User) -> list[tuple[str, date, str]]:
    rows = session.execute(
        select(UsageReservation.url, UsageReservation.usage_date, UsageReservation.state)
        .where(UsageReservation.user_id == user.id)
        .order_by(UsageReservation.url)
    )
    return [(url, day, state) for url, day, state in rows]


def test_the_daily_limit_is_exact(session: Session, user: User) -> None:
    with pytest.raises(UsageLimitReached), session.begin_nested():
        count(session, user, new_urls(session, user, 11))
    count(session, user, new_urls(session, user, 9))
    with pytest.raises(UsageLimitReached), session.begin_nested():
        count(session, user, new_urls(session, user, 2))
    count(session, user, new_urls(session, user, 1))
    with pytest.raises(UsageLimitReached) as refusal, session.begin_nested():
        count(session, user, new_urls(session, user, 1))

    assert used(session, user) == {(TODAY, "x"): 10}
    assert refusal.value.message == (
        "The Free plan allows 10 URLs a day on x. You have used 10, and this call has 1. "
        "Send fewer, upgrade, or try again after midnight UTC."
    )
    assert refusal.value.details == {
        "platform": "x",
        "limit": 10,
        "used": 10,
        "requested": 1,
        "resets_at": "2026-11-26T00:00:00Z",
    }


def test_every_counted_url_is_held_for_its_request(session: Session, user: User) -> None:
    urls = new_urls(session, user, 2)

    count(session, user, urls)

    assert reserved(session, user) == [(url.url, TODAY, "held") for url in urls]


def test_platforms_are_counted_separately(session: Session, user: User) -> None:
    for platform in PLATFORMS:
        count(session, user, new_urls(session, user, 10, platform=platform))

    assert used(session, user) == {(TODAY, platform): 10 for platform in PLATFORMS}


def test_a_call_with_several_platforms_is_counted_as_a_whole_or_not_at_all(session: Session, user: User) -> None:
    create_usage(session, user, platform="x", url_lookups=8)
    create_usage(session, user, platform="youtube", url_lookups=10)
    mixed = [url for platform in reversed(PLATFORMS) for url in new_urls(session, user, 3, platform=platform)]

    with pytest.raises(UsageLimitReached) as refusal, session.begin_nested():
        count(session, user, mixed)

    assert used(session, user) == {(TODAY, "x"): 8, (TODAY, "youtube"): 10}
    assert reserved(session, user) == []
    assert isinstance(refusal.value.details, dict)
    assert [refusal.value.details[name] for name in ("platform", "used", "requested")] == ["x", 8, 3]


@pytest.mark.parametrize(("now", "day"), [(MIDNIGHT - MICROSECOND, TODAY), (MIDNIGHT, TOMORROW)])
def test_a_usage_day_begins_at_midnight_utc(session: Session, user: User, now: datetime, day: date) -> None:
    count(session, user, new_urls(session, user, 10), now=MIDNIGHT - timedelta(days=1) - MICROSECOND)

    count(session, user, new_urls(session, user, 10), now=now)

    assert used(session, user) == {(date(2026, 11, 24), "x"): 10, (day, "x"): 10}


def test_a_time_in_another_time_zone_counts_on_its_utc_day(session: Session, user: User) -> None:
    tokyo = datetime.fromisoformat("2026-11-26T08:59:59+09:00")

    count(session, user, new_urls(session, user, 1), now=tokyo)

    assert used(session, user) == {(TODAY, "x"): 1}
    assert end_of_day(tokyo) == MIDNIGHT


def test_urls_without_an_analysis_are_returned_on_the_day_they_were_counted(session: Session, user: User) -> None:
    urls = new_urls(session, user, 3)
    count(session, user, urls, now=MIDNIGHT - MICROSECOND)
    count(session, user, new_urls(session, user, 1), now=MIDNIGHT)

    settle(session, urls[0].request_id, explained=urls[:1])

    assert used(session, user) == {(TODAY, "x"): 1, (TOMORROW, "x"): 1}
    assert [state for _, day, state in reserved(session, user) if day == TODAY] == ["charged", "returned", "returned"]


def test_suggestions_are_counted_when_they_are_delivered(session: Session, user: User) -> None:
    urls = new_urls(session, user, 3)
    count(session, user, urls)

    settle(session, urls[0].request_id, explained=urls[:2])

    row = session.scalars(select(UserUsage).where(UserUsage.user_id == user.id)).one()
    assert (row.url_lookups, row.post_suggestions) == (2, 8)


def test_settling_a_request_twice_changes_nothing(session: Session, user: User) -> None:
    urls = new_urls(session, user, 3)
    count(session, user, urls)
    settle(session, urls[0].request_id, explained=urls[:1])
    before = (used(session, user), reserved(session, user))

    settle(session, urls[0].request_id)
    settle(session, urls[0].request_id, explained=urls)

    assert (used(session, user), reserved(session, user)) == before


def test_only_the_urls_of_the_request_are_settled(session: Session, user: User) -> None:
    urls, others = new_urls(session, user, 2), new_urls(session, user, 2)
    count(session, user, urls)
    count(session, user, others)

    settle(session, urls[0].request_id)

    assert used(session, user) == {(TODAY, "x"): 2}
    assert [state for _, _, state in reserved(session, user)].count("held") == 2


def test_a_returned_url_is_counted_again_on_the_day_of_its_retry(session: Session, user: User) -> None:
    urls = new_urls(session, user, 3)
    count(session, user, urls)
    settle(session, urls[0].request_id, explained=urls[:1])

    count(session, user, urls[1:], now=MIDNIGHT)
    settle(session, urls[0].request_id, explained=urls[:2])

    assert used(session, user) == {(TODAY, "x"): 1, (TOMORROW, "x"): 1}
    assert reserved(session, user) == [
        (urls[0].url, TODAY, "charged"),
        (urls[1].url, TOMORROW, "charged"),
        (urls[2].url, TOMORROW, "returned"),
    ]


def test_a_returned_url_is_counted_again_only_within_the_limit(session: Session, user: User) -> None:
    urls = new_urls(session, user, 2)
    count(session, user, urls)
    settle(session, urls[0].request_id)
    count(session, user, new_urls(session, user, 9))

    with pytest.raises(UsageLimitReached), session.begin_nested():
        count(session, user, urls)

    assert used(session, user) == {(TODAY, "x"): 9}
    assert [state for url, _, state in reserved(session, user) if url == urls[0].url].count("returned") == 1


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_held_or_charged_url_is_never_counted_twice(session: Session, user: User, is_settled: bool) -> None:
    urls = new_urls(session, user, 2)
    count(session, user, urls)
    if is_settled:
        settle(session, urls[0].request_id, explained=urls)

    with pytest.raises(RuntimeError, match="cannot be reserved"), session.begin_nested():
        count(session, user, urls)

    assert used(session, user) == {(TODAY, "x"): 2}


def test_after_a_downgrade_the_new_limit_applies_and_no_usage_is_owed(session: Session, user: User) -> None:
    create_usage(session, user, url_lookups=80)

    with pytest.raises(UsageLimitReached) as refusal, session.begin_nested():
        count(session, user, new_urls(session, user, 1))

    assert isinstance(refusal.value.details, dict)
    assert (refusal.value.details["used"], refusal.value.details["limit"]) == (80, 10)
    limits = usage_service.get_limits(session, user.id, platforms=["x"], now=NOON)
    assert limits.platforms == [PlatformAllowance("x", analyses_left=0, questions_left=10, handles_left=1)]


def test_an_upgrade_raises_the_limit_at_once(session: Session, user: User) -> None:
    count(session, user, new_urls(session, user, 10))
    pro = session.scalars(select(Plan).where(Plan.slug == "pro")).one()

    usage_service.increment_usage(session, user.id, new_urls(session, user, 90), plan=pro, now=NOON)

    assert used(session, user) == {(TODAY, "x"): 100}


def test_checking_the_limit_counts_nothing(session: Session, user: User) -> None:
    plan = get_user_plan(session, user.id)
    create_usage(session, user, url_lookups=8)

    usage_service.check_usage_limit(session, user.id, "x", requested=2, plan=plan, now=NOON)
    with pytest.raises(UsageLimitReached):
        usage_service.check_usage_limit(session, user.id, "x", requested=3, plan=plan, now=NOON)

    assert used(session, user) == {(TODAY, "x"): 8}


def test_a_counter_never_falls_below_zero(session: Session, user: User) -> None:
    row = create_usage(session, user)

    row.url_lookups = -1
    with pytest.raises(ProgrammingError, match="ck_user_usage_not_negative"):
        session.flush()


def test_fifty_urls_need_as_many_statements_as_one(session: Session) -> None:
    user = create_user(session)
    business = create_subscription(session, user, plan="business").plan_id
    plan = session.get_one(Plan, business)
    needed = []
    for number in (1, 50):
        urls = new_urls(session, user, number)
        with count_statements() as statements:
            usage_service.increment_usage(session, user.id, urls, plan=plan, now=NOON)
            settle(session, urls[0].request_id, explained=urls[: number // 2])
        needed.append(len(statements))

    assert needed == [2, 2]


def test_usage_today_lists_every_platform(session: Session, user: User) -> None:
    create_usage(
        session, user, url_lookups=3, questions_asked=2, handle_analyses=1, post_suggestions=12, usage_date=TODAY
    )
    create_usage(session, user, url_lookups=9, usage_date=TOMORROW)

    today = usage_service.get_usage_today(session, user.id, platforms=["instagram", "x"], now=NOON)

    nothing = PlatformUsage("instagram", url_lookups=0, questions_asked=0, handle_analyses=0, post_suggestions=0)
    something = PlatformUsage("x", url_lookups=3, questions_asked=2, handle_analyses=1, post_suggestions=12)
    assert today == UsageToday(date=TODAY, resets_at=MIDNIGHT, platforms=[nothing, something])


def test_the_remaining_allowance_is_the_plans_limit_minus_the_usage(session: Session, user: User) -> None:
    create_usage(session, user, url_lookups=3, questions_asked=10, handle_analyses=0)

    limits = usage_service.get_limits(session, user.id, platforms=["x", "youtube"], now=NOON)

    assert limits == Limits(
        plan=get_user_plan(session, user.id),
        resets_at=MIDNIGHT,
        platforms=[
            PlatformAllowance("x", analyses_left=7, questions_left=0, handles_left=1),
            PlatformAllowance("youtube", analyses_left=10, questions_left=10, handles_left=1),
        ],
    )


def test_a_user_without_a_plan_has_no_limits(session: Session) -> None:
    with pytest.raises(NoCurrentPlan):
        usage_service.get_limits(session, create_user(session).id, platforms=["x"], now=NOON)


def test_twenty_concurrent_settlements_return_usage_once(fresh_database: Callable[[], Database]) -> None:
    database = fresh_database()
    with session_scope(database.engine) as session:
        user = create_user(session)
        create_subscription(session, user)
        other_urls, urls = new_urls(session, user, 2), new_urls(session, user, 3)
        count(session, user, other_urls)
        count(session, user, urls)
    together = Barrier(8)

    def settle_now(number: int) -> None:
        with session_scope(database.engine) as session:
            if number < 8:
                together.wait(timeout=WAIT_S)
            settle(session, urls[0].request_id)

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(settle_now, range(20)))

    with session_scope(database.engine) as session:
        assert used(session, user) == {(TODAY, "x"): 2}


def test_concurrent_calls_with_two_platforms_in_any_order_do_not_deadlock(
    fresh_database: Callable[[], Database],
) -> None:
    database = fresh_database()
    with session_scope(database.engine) as session:
        user = create_user(session)
        create_subscription(session, user)
        calls = [
            [url for platform in order for url in new_urls(session, user, 1, platform=platform)]
            for order in [("x", "youtube"), ("youtube", "x")] * 8
        ]

    def call(urls: list[CountedUrl]) -> bool:
        try:
            with session_scope(database.engine) as session:
                count(session, user, urls)
        except UsageLimitReached:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        admitted = list(threads.map(call, calls))

    assert sum(admitted) == 10
    with session_scope(database.engine) as session:
        assert used(session, user) == {(TODAY, "x"): 10, (TODAY, "youtube"): 10}
        assert len(reserved(session, user)) == 20
