"""The retention job deletes old and expired rows, and a scheduled job runs once per scheduled time."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from functions.scheduled.settings import RetentionSettings
from tests import factories
from tests.fakes.clock import FakeClock
from tests.fixtures.database import Database, run_script
from whyviral.accounts.models import EmailVerification, RevokedSession
from whyviral.admin.retention import Cleaner, OutOfTime
from whyviral.admin.scheduled_job import TIMEOUT_S, run_once
from whyviral.analysis.models import AnalysisRequestPost
from whyviral.analytics.models import ApiAccessLog, AppLog, AuthenticationLog
from whyviral.chat.models import ChatMessageChunk
from whyviral.core.database import Base, session_scope
from whyviral.jobs.models import JobRun
from whyviral.social.creator_baselines.models import CreatorBaselineRow
from whyviral.throttling.models import IdempotencyKey, RateWindow
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks.models import WebhookEvent
from whyviral.webhooks.outgoing.models import OutgoingDelivery

NOW = datetime.now(UTC)
DUE = datetime(2026, 11, 25, 9, 17, tzinfo=UTC)


@pytest.fixture
def database(fresh_database: Callable[[], Database]) -> Database:
    return fresh_database()


def cleaner(database: Database, **fields: Any) -> Cleaner:
    settings = RetentionSettings(
        supabase_db_url=SecretStr(database.url), access_log_days=90, event_log_days=365, call_log_days=400
    )
    return Cleaner(database.engine, settings.periods, now=NOW, **fields)


def add(database: Database, *rows: Base) -> None:
    with session_scope(database.engine) as session:
        session.add_all(rows)


def access(days_ago: float) -> ApiAccessLog:
    row = {"request_id": "r", "method": "GET", "status": 200, "response_time_ms": 1}
    return ApiAccessLog(created_at=NOW - timedelta(days=days_ago), **row)


def external_call(days_ago: float) -> ExternalApiCallLog:
    row = {"provider": "x", "operation": "GET", "started_at": NOW, "duration_ms": 1, "is_stand_in": False}
    return ExternalApiCallLog(created_at=NOW - timedelta(days=days_ago), **row)


def count_rows(database: Database) -> dict[str, int]:
    """Return the row count of each table that the retention job deletes from by age or expiry."""
    models = (ApiAccessLog, ExternalApiCallLog, AppLog, AuthenticationLog, IdempotencyKey, RateWindow)
    more = (EmailVerification, RevokedSession, ChatMessageChunk)
    with session_scope(database.engine) as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (*models, *more)
        }


def add_one_old_and_one_recent_row_of_each_table(database: Database) -> None:
    with session_scope(database.engine) as session:
        user = factories.create_user(session)
        post = factories.create_post(session)
        analysis = factories.create_analysis(session, factories.create_request(session, user, [post]), post)
        answer = factories.create_chat(session, user, analysis, pieces=[])
        for old in (True, False):
            ago = timedelta(days=366 if old else 364)
            expires_at = NOW + timedelta(seconds=-1 if old else 60)
            session.add_all(
                [
                    access(91 if old else 89),
                    external_call(401 if old else 399),
                    AppLog(category="SYSTEM", event="x", created_at=NOW - ago),
                    AuthenticationLog(event="sign_in", outcome="succeeded", created_at=NOW - ago),
                    IdempotencyKey(
                        user_id=user.id,
                        key=str(old),
                        fingerprint="f",
                        lease=uuid.uuid4(),
                        leased_until=NOW,
                        expires_at=expires_at,
                    ),
                    RateWindow(scope="x", subject=str(old), hits=[], was_allowed=True, expires_at=expires_at),
                    EmailVerification(
                        email_hash=str(old),
                        purpose="sign_up",
                        clerk_user_id="user_1",
                        email_address_id="idn_1",
                        verification_id=str(old),
                        expires_at=expires_at,
                    ),
                    ChatMessageChunk(
                        message_id=answer.id,
                        first_seq=int(old),
                        pieces=["piece"],
                        created_at=NOW - timedelta(hours=25 if old else 23),
                    ),
                    RevokedSession(
                        session_id=str(old), reason="signed_out", created_at=NOW - timedelta(days=401 if old else 399)
                    ),
                ]
            )


def test_old_and_expired_rows_are_deleted_and_recent_ones_are_kept(database: Database) -> None:
    add_one_old_and_one_recent_row_of_each_table(database)

    results = cleaner(database).clean()

    once_each = dict.fromkeys(count_rows(database), 1)
    assert count_rows(database) == once_each
    assert results == once_each | {
        "api_access_logs_months": 0,
        "external_api_call_logs_months": 0,
        "webhook_events_erased": 0,
        "job_runs": 0,
        "creator_baselines": 0,
        "baseline_posts": 0,
        "outgoing_deliveries": 0,
    }


def test_lists_of_posts_are_deleted_after_thirty_days(database: Database) -> None:
    lists = {"old": 31, "recent": 29}
    add(
        database,
        *(
            CreatorBaselineRow(platform="x", creator=name, kind="post", fetched_at=NOW - timedelta(days=days))
            for name, days in lists.items()
        ),
    )

    assert cleaner(database).clean()["creator_baselines"] == 1
    with session_scope(database.engine) as session:
        assert session.scalars(select(CreatorBaselineRow.creator)).all() == ["recent"]


def test_the_single_posts_of_a_creator_are_forgotten_after_thirty_days(database: Database) -> None:
    sample = [{"url": "https://x.com/i/status/1", "count": 1, "posted_at": None}]
    with session_scope(database.engine) as session:
        posts = [factories.create_post(session) for _ in range(3)]
        factories.create_request(session, factories.create_user(session), posts)
        rows = session.scalars(select(AnalysisRequestPost).order_by(AnalysisRequestPost.position)).all()
        for row, days in zip(rows, (31, 31, 29), strict=True):
            row.measured, row.updated_at = {"facts": [], "baseline_posts": sample}, NOW - timedelta(days=days)
        rows[1].measured = None

    assert cleaner(database).clean()["baseline_posts"] == 1
    with session_scope(database.engine) as session:
        found = session.scalars(select(AnalysisRequestPost.measured).order_by(AnalysisRequestPost.position)).all()
    assert found == [{"facts": []}, None, {"facts": [], "baseline_posts": sample}]


def test_deliveries_of_webhooks_are_deleted_after_ninety_days(database: Database) -> None:
    with session_scope(database.engine) as session:
        endpoint = factories.create_endpoint(session, factories.create_user(session))
        for days in (91, 89):
            factories.create_delivery(session, endpoint, data={"days": days}, created_at=NOW - timedelta(days=days))

    assert cleaner(database).clean()["outgoing_deliveries"] == 1
    with session_scope(database.engine) as session:
        assert session.scalars(select(OutgoingDelivery.data)).all() == [{"days": 89}]


def test_a_second_retention_run_deletes_nothing(database: Database) -> None:
    add_one_old_and_one_recent_row_of_each_table(database)
    cleaner(database).clean()

    assert set(cleaner(database).clean().values()) == {0}


def test_more_rows_than_one_batch_are_all_deleted(database: Database) -> None:
    add(database, *(access(100) for _ in range(7)))

    results = cleaner(database, batch=3).clean()

    assert results["api_access_logs"] == 7
    assert count_rows(database)["api_access_logs"] == 0


def test_a_retention_run_at_its_time_limit_raises_out_of_time(database: Database) -> None:
    add(database, access(100))

    with pytest.raises(OutOfTime, match="api_access_logs"):
        cleaner(database, stop_at_mono_s=0.0).clean()

    assert count_rows(database)["api_access_logs"] == 1


def partitions(session: Session, log: str) -> list[str]:
    children = text("select inhrelid::regclass::text from pg_inherits where inhparent = to_regclass(:log) order by 1")
    return [name.removeprefix("private.") for name in session.scalars(children, {"log": f"public.{log}"})]


def test_old_log_partitions_are_dropped_and_future_ones_are_created(database: Database) -> None:
    # UTC midnight of the first of a month: the boundary at which the month before is old enough and this one is not.
    first = datetime(2020, 3, 1, tzinfo=UTC)
    for month in ("2020-01-01", "2020-02-01", "2020-03-01"):
        run_script(database.owner_url, f"select private.add_log_partition('api_access_logs', '{month}')")
    row = {"request_id": "r", "method": "GET", "status": 200, "response_time_ms": 1}
    add(database, *(ApiAccessLog(created_at=first + timedelta(days=days), **row) for days in (-45, -15, 15)))

    with session_scope(database.engine) as session:
        dropped = session.scalar(select(func.private.drop_log_partitions("api_access_logs", first)))

    with session_scope(database.engine) as session:
        left = partitions(session, "api_access_logs")
        assert (dropped, session.scalar(select(func.count()).select_from(ApiAccessLog))) == (2, 1)
    assert "api_access_logs_default" in left
    assert [name for name in left if "_2020_" in name] == ["api_access_logs_2020_03"]
    assert f"api_access_logs_{NOW:%Y_%m}" in left


@pytest.mark.parametrize("before", ["now() + interval '1 day'", "null"])
def test_log_partitions_of_the_future_cannot_be_dropped(database: Database, before: str) -> None:
    with (
        pytest.raises(Exception, match="must be a moment of the past"),
        session_scope(database.engine) as session,
    ):
        session.execute(text(f"select private.drop_log_partitions('api_access_logs', {before})"))


def test_dropping_partitions_of_a_table_that_is_not_a_log_does_nothing(database: Database) -> None:
    with session_scope(database.engine) as session:
        assert session.scalar(select(func.private.drop_log_partitions("users", NOW))) == 0


def test_the_payload_of_a_webhook_processed_long_ago_is_erased(database: Database) -> None:
    for number, (state, days) in enumerate([("PROCESSED", 91), ("PROCESSED", 89), ("FAILED", 91)]):
        event = {"provider": "clerk", "event_id": str(number), "type": "user.created", "payload": {"data": number}}
        add(database, WebhookEvent(**event, state=state, processed_at=NOW - timedelta(days=days)))

    results = cleaner(database).clean()

    with session_scope(database.engine) as session:
        payloads = session.scalars(select(WebhookEvent.payload).order_by(WebhookEvent.event_id)).all()
    assert results["webhook_events_erased"] == 1
    assert payloads == [None, {"data": 1}, {"data": 2}]


class TestRunOnce:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock(DUE)

    def read(self, database: Database) -> JobRun:
        with session_scope(database.engine) as session:
            return session.scalars(select(JobRun)).one()

    def events(self, database: Database) -> list[tuple[str, dict[str, Any]]]:
        with session_scope(database.engine) as session:
            rows = session.scalars(select(AppLog).order_by(AppLog.created_at))
            return [(row.event, row.details) for row in rows]

    def test_a_successful_run_is_recorded_with_its_results(self, database: Database, clock: FakeClock) -> None:
        results = run_once(database.engine, "retention", DUE, lambda: {"rows": 2}, clock=clock)

        run = self.read(database)
        assert results == {"rows": 2}
        assert (run.job, run.due_at, run.state, run.attempts) == ("retention", DUE, "SUCCEEDED", 1)
        assert (run.results, run.error, run.finished_at) == ({"rows": 2}, None, DUE)
        assert self.events(database) == [("job_finished", {"job": "retention", "rows": 2})]

    def test_a_finished_run_is_not_repeated_for_the_same_scheduled_time(
        self, database: Database, clock: FakeClock
    ) -> None:
        runs = count(1)
        for _ in range(3):
            run_once(database.engine, "retention", DUE, lambda: {"runs": next(runs)}, clock=clock)

        assert next(runs) == 2

    def test_a_failed_run_is_recorded_raised_and_can_be_retried(self, database: Database, clock: FakeClock) -> None:
        def fail() -> dict[str, int]:
            raise OutOfTime("users")

        with pytest.raises(OutOfTime):
            run_once(database.engine, "retention", DUE, fail, clock=clock)
        failed = self.read(database)
        results = run_once(database.engine, "retention", DUE, dict, clock=clock)

        run = self.read(database)
        assert (failed.state, failed.error) == ("FAILED", "OutOfTime")
        assert (results, run.state, run.error, run.attempts) == ({}, "SUCCEEDED", None, 2)

    @pytest.mark.parametrize(("after_s", "is_restarted"), [(TIMEOUT_S - 1, False), (TIMEOUT_S, True)])
    def test_a_killed_run_is_restarted_only_after_its_timeout(
        self, database: Database, clock: FakeClock, after_s: int, is_restarted: bool
    ) -> None:
        def get_killed() -> dict[str, int]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_once(database.engine, "retention", DUE, get_killed, clock=clock)
        clock.advance(after_s)

        results = run_once(database.engine, "retention", DUE, dict, clock=clock)

        assert (results is not None) == is_restarted


def test_old_job_runs_are_deleted(database: Database) -> None:
    due = {days_ago: NOW - timedelta(days=days_ago) for days_ago in (91, 89)}
    add(database, *(JobRun(job="sweeper", due_at=moment, leased_until=moment) for moment in due.values()))

    results = cleaner(database).clean()

    with session_scope(database.engine) as session:
        assert list(session.scalars(select(JobRun.due_at))) == [due[89]]
    assert results["job_runs"] == 1
