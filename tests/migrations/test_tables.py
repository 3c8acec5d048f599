"""The contents and rights of the migrated database on a plain Postgres."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from tests import factories
from tests.fixtures.database import Database, count_statements
from whyviral.accounts.models import Plan, User
from whyviral.core.database import build_engine, session_scope
from whyviral.social.models import PlatformRow
from whyviral.vendor_calls.models import ExternalApiCallLog


def sqlstate(error: ProgrammingError) -> str:
    assert error.orig is not None
    return str(error.orig.args[0]["C"])


def log_row(**columns: Any) -> ExternalApiCallLog:
    call = {"provider": "gemini", "operation": "POST", "started_at": datetime.now(UTC), "duration_ms": 1}
    return ExternalApiCallLog(**call, is_stand_in=False, **columns)


def partition_of(session: Session, row: ExternalApiCallLog) -> str:
    query = (
        select(text("tableoid::regclass::text")).select_from(ExternalApiCallLog).where(ExternalApiCallLog.id == row.id)
    )
    return str(session.scalar(query))


def test_the_platforms_and_plans_exist(session: Session) -> None:
    plans = session.execute(
        select(
            Plan.slug,
            Plan.name,
            Plan.max_urls,
            Plan.max_analyses_per_day,
            Plan.max_questions_per_day,
            Plan.max_handles,
            Plan.price_cents,
            Plan.interval,
            Plan.is_active,
        ).order_by(Plan.price_cents)
    ).all()
    platforms = session.scalars(select(PlatformRow.slug).order_by(PlatformRow.slug)).all()

    assert [tuple(plan) for plan in plans] == [
        ("free", "Free", 5, 10, 10, 1, 0, "month", True),
        ("pro", "Pro", 20, 100, 100, 10, 1900, "month", True),
        ("business", "Business", 50, 500, 500, 50, 4900, "month", True),
    ]
    assert platforms == ["instagram", "x", "youtube"]


def test_every_table_and_partition_has_row_level_security(session: Session) -> None:
    open_tables = session.scalars(
        text(
            "select oid::regclass::text from pg_class where relkind in ('r', 'p') and not relrowsecurity"
            " and relnamespace in ('public'::regnamespace, 'private'::regnamespace)"
        )
    ).all()

    assert open_tables == []


def test_the_backend_can_use_every_table_except_alembics(session: Session) -> None:
    admitted = text(
        "select tablename, cmd, roles::text, qual, with_check from pg_policies where policyname = 'backend'"
    )
    tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()

    assert {tuple(row) for row in session.execute(admitted)} == {
        (table, "ALL", "{whyviral_backend}", "true", "true") for table in tables if table != "alembic_version"
    }


def test_the_backend_reads_writes_changes_and_deletes(session: Session) -> None:
    user = factories.create_user(session)
    user.full_name = "Ada"
    session.flush()
    session.delete(user)
    session.flush()

    assert session.get(User, user.id) is None


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.mine (id int)",
        "create table private.mine (id int)",
        "create schema mine",
        "create role mine",
        "alter table public.users add column mine int",
        "alter table public.users disable row level security",
        "drop table public.post_comments",
        "truncate public.post_comments",
        "drop policy backend on public.users",
        "create index mine on public.users (full_name)",
        "select * from private.external_api_call_logs_default",
        "select private.protect('public.users')",
        "select private.hide_from_browsers('public.users')",
        "select private.add_log_partition('external_api_call_logs', now()::timestamp)",
        "select private.current_user_id()",
    ],
)
def test_the_backend_cannot_change_the_schema_or_rights(session: Session, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refusal:
        session.execute(text(statement))

    assert sqlstate(refusal.value) == "42501"


def test_the_backend_cannot_read_alembics_own_table(session: Session) -> None:
    with pytest.raises(ProgrammingError) as refusal:
        session.execute(text("select version_num from public.alembic_version"))

    assert sqlstate(refusal.value) == "42501"


def test_without_supabase_there_is_no_current_user_and_steps_are_recorded(
    fresh_database: Callable[[], Database],
) -> None:
    database = fresh_database()
    with session_scope(database.engine) as session:
        request = factories.create_request(session, factories.create_user(session))
        factories.create_status(session, request)

    owner = build_engine(database.owner_url)
    with owner.connect() as connection:
        assert connection.scalar(text("select private.current_user_id()")) is None
        assert connection.scalar(text("select count(*) from public.analysis_status_history")) == 1
    owner.dispose()


def test_a_user_has_at_most_one_current_subscription(session: Session) -> None:
    user = factories.create_user(session)
    factories.create_subscription(session, user, status="EXPIRED")
    factories.create_subscription(session, user, plan="pro", status="CANCELING")

    with pytest.raises(IntegrityError, match="uq_subscriptions_current_user_id"):
        factories.create_subscription(session, user, plan="business", status="ACTIVE")


def test_logs_go_to_the_partition_of_their_month_or_the_default_one(session: Session) -> None:
    this_month = log_row()
    long_ago = log_row(created_at=datetime(2001, 2, 3, tzinfo=UTC))
    session.add_all([this_month, long_ago])
    session.flush()

    assert partition_of(session, this_month) == f"private.external_api_call_logs_{datetime.now(UTC):%Y_%m}"
    assert partition_of(session, long_ago) == "private.external_api_call_logs_default"


def test_the_backend_creates_partitions_ahead_and_rows_move_from_the_default_one(session: Session) -> None:
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month - 1 + 6, 12)  # six months from now; three exist already
    row = log_row(created_at=datetime(year, month + 1, 15, tzinfo=UTC))
    session.add(row)
    session.flush()
    before = partition_of(session, row)

    for _ in range(2):
        session.execute(text("select private.ensure_log_partitions(6)"))

    assert before == "private.external_api_call_logs_default"
    assert partition_of(session, row) == f"private.external_api_call_logs_{year}_{month + 1:02}"
    test_every_table_and_partition_has_row_level_security(session)


@pytest.mark.parametrize("months_ahead", ["-1", "25", "null"])
def test_an_invalid_number_of_months_is_refused(session: Session, months_ahead: str) -> None:
    with pytest.raises(ProgrammingError, match="between 0 and 24"):
        session.execute(text(f"select private.ensure_log_partitions({months_ahead})"))


def test_counted_statements_exclude_transaction_control(engine: Engine) -> None:
    with count_statements() as statements, session_scope(engine) as session:
        session.scalar(select(func.count()).select_from(Plan))
        with session.begin_nested():
            session.scalar(select(Plan.id).limit(1))

    assert len(statements) == 2
