"""The figures of the admin panel's first page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from tests.factories import create_request, create_usage, create_user
from tests.fixtures.database import count_statements
from whyviral.admin.dashboard import Durations, get_dashboard
from whyviral.analysis.models import RequestStatus
from whyviral.core.errors import ErrorCategory
from whyviral.vendor_calls.models import ExternalApiCallLog

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 20), date(2026, 11, 19)


def create_call(session: Session, provider: str, cost_usd: str | None, at: datetime) -> None:
    cost = None if cost_usd is None else Decimal(cost_usd)
    session.add(
        ExternalApiCallLog(
            provider=provider, operation="call", created_at=at, started_at=at, cost_usd=cost, is_stand_in=False
        )
    )
    session.flush()


def test_requests_are_counted_by_utc_day_and_outcome(session: Session) -> None:
    user = create_user(session)
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    for at, status in (
        (midnight, RequestStatus.COMPLETED),
        (NOW, RequestStatus.COMPLETED),
        (NOW, RequestStatus.FAILED),
        (midnight - timedelta(seconds=1), RequestStatus.FAILED),
        (midnight - timedelta(days=6, seconds=1), RequestStatus.COMPLETED),  # before the first of seven days
    ):
        create_request(session, user, [], status=status, created_at=at)

    dashboard = get_dashboard(session, days=7, now=NOW)

    assert (dashboard.days[0], dashboard.days[-1], len(dashboard.days)) == (date(2026, 11, 14), TODAY, 7)
    assert dashboard.outcomes == [
        (YESTERDAY, RequestStatus.FAILED, 1),
        (TODAY, RequestStatus.COMPLETED, 2),
        (TODAY, RequestStatus.FAILED, 1),
    ]
    assert (dashboard.requests, dashboard.success_rate) == (4, 0.5)


def test_durations_are_those_of_completed_requests(session: Session) -> None:
    user = create_user(session)
    for seconds in range(1, 102):
        create_request(
            session, user, [], status=RequestStatus.COMPLETED, created_at=NOW, duration_seconds=Decimal(seconds)
        )
    create_request(session, user, [], status=RequestStatus.FAILED, created_at=NOW, duration_seconds=Decimal(9_000))

    assert get_dashboard(session, days=7, now=NOW).durations == [Durations(TODAY, 51.0, 96.0)]


def test_costs_are_summed_by_day_and_vendor_and_free_calls_are_left_out(session: Session) -> None:
    create_call(session, "gemini", "0.01", NOW)
    create_call(session, "gemini", "0.02", NOW)
    create_call(session, "brightdata", "0.5", NOW - timedelta(days=1))
    create_call(session, "clerk", None, NOW)

    dashboard = get_dashboard(session, days=7, now=NOW)

    assert dashboard.costs == [(YESTERDAY, "brightdata", Decimal("0.5")), (TODAY, "gemini", Decimal("0.03"))]
    assert dashboard.cost_usd == Decimal("0.53")


def test_failures_are_counted_by_category_the_most_frequent_first(session: Session) -> None:
    user = create_user(session)
    for category in (ErrorCategory.PRIVATE, ErrorCategory.TIMEOUT, ErrorCategory.TIMEOUT, None):
        create_request(session, user, [], status=RequestStatus.FAILED, created_at=NOW, error_category=category)

    found = get_dashboard(session, days=7, now=NOW).error_categories

    assert found == [("timeout", 2), ("private", 1), ("unknown", 1)]


def test_a_user_is_active_on_the_days_with_usage_and_counts_once(session: Session) -> None:
    ada, bob = create_user(session), create_user(session)
    for user, day, platform in ((ada, TODAY, "x"), (ada, TODAY, "youtube"), (ada, YESTERDAY, "x"), (bob, TODAY, "x")):
        create_usage(session, user, usage_date=day, platform=platform)

    dashboard = get_dashboard(session, days=7, now=NOW)

    assert (dashboard.active_users, dashboard.distinct_users) == ([(YESTERDAY, 1), (TODAY, 2)], 2)


def test_without_rows_there_is_nothing_to_show_and_the_statements_are_six(session: Session) -> None:
    with count_statements() as statements:
        dashboard = get_dashboard(session, days=90, now=NOW)

    assert (len(statements), len(dashboard.days)) == (6, 90)
    assert (dashboard.requests, dashboard.success_rate is None, dashboard.cost_usd) == (0, True, Decimal(0))
