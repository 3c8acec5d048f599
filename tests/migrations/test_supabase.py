"""The migrated database on Supabase: the rights of browsers and the broadcasts of Realtime."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from pydantic import BaseModel
from sqlalchemy import Connection, Engine, Executable, Select, func, literal_column, select, table, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from local.database import product
from local.database.postgres import Postgres
from tests import factories
from tests.fixtures.database import dump_schema, run_script
from tools.migrate import alembic_config, migrate
from whyviral.accounts.schemas import PlanOut, ProfileOut, SubscriptionOut
from whyviral.analysis.models import AnalysisStatus
from whyviral.analysis.schemas import PostAnalysisOut, RequestPostOut, RequestSummary, StatusOut
from whyviral.chat.schemas import MessageOut, SessionOut
from whyviral.core.database import build_engine, session_scope
from whyviral.notes.schemas import NoteOut
from whyviral.social.models import Post
from whyviral.social.schemas import MediaOut, PostOut
from whyviral.usage.schemas import PlatformUsageOut

SHIM = Path(__file__).parents[1] / "fixtures" / "supabase_shim.sql"
OWN_ROWS = {
    "users": 1,
    "subscriptions": 1,
    "post_analysis_requests": 1,
    "analysis_request_posts": 2,
    "post_analyses": 1,
    "analysis_notes": 1,
    "chat_sessions": 1,
    "chat_messages": 2,
    "analysis_status_history": 1,
    "posts": 2,
    "post_media": 1,
    "user_usage": 1,
    "plans": 3,
    "platforms": 3,
}
"""The rows that each of two users sees. Each has one own post and one in common; a third post belongs to no request."""
HIDDEN = [
    "api_access_logs",
    "app_logs",
    "authentication_logs",
    "chat_message_chunks",
    "credits",
    "disputes",
    "creator_baselines",
    "webhook_events",
    "daily_spend",
    "email_verifications",
    "external_api_call_logs",
    "feedback",
    "idempotency_keys",
    "invoices",
    "job_runs",
    "payment_methods",
    "payments",
    "post_comments",
    "provider_limits",
    "rate_windows",
    "refunds",
    "revoked_sessions",
    "admin_actions",
    "share_links",
    "outgoing_endpoints",
    "outgoing_deliveries",
    "suggestions",
    "usage_reservations",
    "user_post_activity",
]
# Columns that join tables, or correspond to a nested object of the API.
LINKS = {
    "chat_messages": {"session_id"},
    "subscriptions": {"plan_id", "downgrade_to_plan_id"},
    "platforms": {"slug", "name"},
    "post_media": {"post_id", "position"},
    "analysis_request_posts": {"request_id", "position"},
    "post_analyses": {"request_id"},
    "analysis_status_history": {"request_id"},
    "user_usage": {"usage_date"},
}
SHOWN_BY_API: dict[str, type[BaseModel] | None] = {
    "users": ProfileOut,
    "plans": PlanOut,
    "subscriptions": SubscriptionOut,
    "platforms": None,
    "posts": PostOut,
    "post_media": MediaOut,
    "post_analysis_requests": RequestSummary,
    "analysis_request_posts": RequestPostOut,
    "post_analyses": PostAnalysisOut,
    "analysis_notes": NoteOut,
    "chat_sessions": SessionOut,
    "chat_messages": MessageOut,
    "analysis_status_history": StatusOut,
    "user_usage": PlatformUsageOut,
}
WRITES = ["insert into {} default values", "update {} set created_at = now()", "delete from {}", "truncate {} cascade"]
EVERY_TABLE = sorted([*OWN_ROWS, *HIDDEN])


@dataclass(frozen=True, slots=True)
class Person:
    clerk_user_id: str
    user_id: uuid.UUID
    request_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class TwoUsers:
    owner: Engine
    backend: Engine
    ada: Person
    bob: Person


@pytest.fixture(scope="module")
def two_users(postgres: Postgres, template: str) -> Iterator[TwoUsers]:
    """A database set up as on Supabase, with the analyses of two users."""
    product.create_database(postgres, "supabase")
    run_script(postgres.url_of("supabase"), SHIM.read_text())
    migrate(postgres.url_of("supabase"))
    owner = build_engine(postgres.url_of("supabase"))
    backend = build_engine(product.app_url(postgres, "supabase"))
    with session_scope(backend) as session:
        shared = factories.create_post(session)
        factories.create_media(session, shared)
        factories.create_post(session, content="nobody asked")
        ada, bob = (create_person(session, shared) for _ in range(2))
    yield TwoUsers(owner, backend, ada, bob)
    owner.dispose()
    backend.dispose()
    product.drop_database(postgres, "supabase")


def create_person(session: Session, shared: Post) -> Person:
    user = factories.create_user(session)
    factories.create_subscription(session, user)
    own = factories.create_post(session)
    factories.create_comments(session, own)
    request = factories.create_request(session, user, [shared, own])
    analysis = factories.create_analysis(session, request, own)
    factories.create_note(session, user, analysis)
    factories.create_chat(session, user, analysis)
    factories.create_status(session, request)
    factories.create_activity(session, user, own)
    factories.create_usage(session, user)
    factories.create_reservation(session, request)
    return Person(user.clerk_user_id, user.id, request.id)


@contextmanager
def browser(two_users: TwoUsers, sub: str | None, *, role: str = "authenticated") -> Iterator[Connection]:
    """A transaction as Supabase opens it for a browser's token; it is rolled back."""
    with two_users.owner.connect() as connection:
        become_browser(connection, sub, role=role)
        yield connection


def become_browser(
    connection: Connection, sub: str | None, *, sid: str | None = None, role: str = "authenticated"
) -> None:
    claims = {"role": role} | {name: value for name, value in {"sub": sub, "sid": sid}.items() if value is not None}
    connection.execute(text("select set_config('request.jwt.claims', :claims, true)"), {"claims": json.dumps(claims)})
    connection.execute(text(f"set local role {role}"))


def count_rows(table_name: str) -> Select[int]:
    return select(func.count()).select_from(table(table_name, schema="public"))


def assert_forbidden(connection: Connection, statement: Executable) -> None:
    with pytest.raises(ProgrammingError) as refusal, connection.begin_nested():
        connection.execute(statement)
    assert refusal.value.orig is not None
    assert refusal.value.orig.args[0]["C"] == "42501"


def test_these_tests_cover_every_table(two_users: TwoUsers) -> None:
    with two_users.owner.connect() as connection:
        tables = connection.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()

    assert sorted(tables) == sorted([*EVERY_TABLE, "alembic_version"])


@pytest.mark.parametrize(("table", "rows"), OWN_ROWS.items())
def test_signed_in_users_see_their_own_rows_only(two_users: TwoUsers, table: str, rows: int) -> None:
    for person in (two_users.ada, two_users.bob):
        with browser(two_users, person.clerk_user_id) as connection:
            assert connection.scalar(count_rows(table)) == rows


def test_the_visible_rows_belong_to_the_reader(two_users: TwoUsers) -> None:
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        assert connection.scalars(text("select id from public.users")).all() == [two_users.ada.user_id]
        assert connection.scalars(text("select id from public.post_analysis_requests")).all() == [
            two_users.ada.request_id
        ]
        assert connection.scalars(text("select request_id from public.post_analyses")).all() == [
            two_users.ada.request_id
        ]


@pytest.mark.parametrize("table", OWN_ROWS)
def test_browsers_read_no_column_that_the_api_does_not_show(two_users: TwoUsers, table: str) -> None:
    with two_users.owner.connect() as connection:
        granted = connection.scalars(
            text(
                "select column_name from information_schema.column_privileges where table_schema = 'public'"
                " and table_name = :table and grantee = 'authenticated' and privilege_type = 'SELECT'"
            ),
            {"table": table},
        ).all()

    schema = SHOWN_BY_API[table]
    assert granted
    assert set(granted) - set(schema.model_fields if schema else ()) - LINKS.get(table, set()) == set()


@pytest.mark.parametrize(
    "column",
    [
        "post_analysis_requests.execution_arn",
        "post_analysis_requests.error_details",
        "post_analysis_requests.reserved_usd",
        "analysis_request_posts.error_details",
        "posts.raw",
        "posts.scrape_job",
        "posts.claimed_by",
        "post_media.source_url",
        "post_media.storage_path",
        "post_media.measurements",
        "plans.provider_product_id",
        "subscriptions.provider_customer_id",
        "users.clerk_user_id",
        "users.deleted_at",
    ],
)
def test_internal_columns_are_hidden_from_their_own_user(two_users: TwoUsers, column: str) -> None:
    table_name, name = column.split(".")
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        for columns in (name, "*"):
            assert_forbidden(
                connection, select(literal_column(columns)).select_from(table(table_name, schema="public"))
            )


@pytest.mark.parametrize("sub", ["user_nobody", "", None])
@pytest.mark.parametrize("table", sorted(OWN_ROWS.keys() - {"plans", "platforms"}))
def test_a_token_of_an_unknown_user_sees_nothing(two_users: TwoUsers, table: str, sub: str | None) -> None:
    with browser(two_users, sub) as connection:
        assert connection.scalar(count_rows(table)) == 0


def test_a_deleted_user_sees_nothing(two_users: TwoUsers) -> None:
    with two_users.owner.connect() as connection:
        connection.execute(
            text("update public.users set deleted_at = now() where id = :id"), {"id": two_users.ada.user_id}
        )
        become_browser(connection, two_users.ada.clerk_user_id)

        assert connection.scalar(text("select count(*) from public.post_analysis_requests")) == 0


@pytest.mark.parametrize(("sid", "rows"), [("sess_ended", 0), ("sess_other", 1), (None, 1)])
def test_a_revoked_session_sees_nothing(two_users: TwoUsers, sid: str | None, rows: int) -> None:
    with two_users.owner.connect() as connection:
        connection.execute(
            text("insert into public.revoked_sessions (session_id, reason) values ('sess_ended', 'signed_out')")
        )
        become_browser(connection, two_users.ada.clerk_user_id, sid=sid)

        assert connection.scalar(count_rows("post_analysis_requests")) == rows


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_browsers_neither_read_nor_write_alembics_own_table(two_users: TwoUsers, role: str) -> None:
    with browser(two_users, two_users.ada.clerk_user_id, role=role) as connection:
        assert_forbidden(connection, count_rows("alembic_version"))
        for write in ("delete from {}", "truncate {}", "update {} set version_num = 'x'"):
            assert_forbidden(connection, text(write.format("public.alembic_version")))


@pytest.mark.parametrize("table", HIDDEN)
def test_browsers_cannot_read_logs(two_users: TwoUsers, table: str) -> None:
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        assert_forbidden(connection, count_rows(table))


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_an_anonymous_browser_sees_nothing(two_users: TwoUsers, table: str) -> None:
    with browser(two_users, None, role="anon") as connection:
        assert_forbidden(connection, count_rows(table))


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_browsers_cannot_write(two_users: TwoUsers, table: str) -> None:
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        for write in WRITES:
            assert_forbidden(connection, text(write.format(table)))


def test_browsers_cannot_use_the_private_schema(two_users: TwoUsers) -> None:
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        assert_forbidden(connection, text("select private.ensure_log_partitions(1)"))
        assert_forbidden(connection, text("select * from private.external_api_call_logs_default"))


def test_a_step_is_broadcast_only_to_its_user(two_users: TwoUsers) -> None:
    with two_users.owner.connect() as connection:
        messages = connection.execute(
            text("select id, topic, event, extension, private, payload from realtime.messages order by topic")
        ).all()

    assert [tuple(message)[1:] for message in messages] == [
        (
            f"user:{person.clerk_user_id}",
            "analysis_status",
            "broadcast",
            True,
            {
                "id": str(message.id),  # added by Realtime
                "request_id": str(person.request_id),
                "seq": 1,
                "stage": "fetching_posts",
                "progress": 10,
                "message": "Fetching 1 post",
            },
        )
        for person, message in zip((two_users.ada, two_users.bob), messages, strict=True)
    ]


def test_a_browser_can_join_only_its_own_topic(two_users: TwoUsers) -> None:
    with browser(two_users, two_users.ada.clerk_user_id) as connection:
        for topic, may_join in [
            (f"user:{two_users.ada.clerk_user_id}", True),
            (f"user:{two_users.bob.clerk_user_id}", False),
            ("user:", False),
            ("", False),
        ]:
            assert may_read_topic(connection, topic) is may_join


def may_read_topic(connection: Connection, topic: str) -> bool:
    """Whether Realtime would let this transaction's browser join the topic: whether it can read a message of it."""
    connection.execute(text("select set_config('realtime.topic', :topic, true)"), {"topic": topic})
    return bool(connection.scalar(text("select count(*) from realtime.messages")))


def test_a_deleted_user_cannot_join_the_users_topic(two_users: TwoUsers) -> None:
    with two_users.owner.connect() as connection:
        connection.execute(
            text("update public.users set deleted_at = now() where id = :id"), {"id": two_users.ada.user_id}
        )
        become_browser(connection, two_users.ada.clerk_user_id)

        assert not may_read_topic(connection, f"user:{two_users.ada.clerk_user_id}")


@pytest.mark.parametrize(("sid", "may_join"), [("sess_ended", False), ("sess_other", True), (None, True)])
def test_a_revoked_session_cannot_join_its_users_topic(two_users: TwoUsers, sid: str | None, may_join: bool) -> None:
    with two_users.owner.connect() as connection:
        connection.execute(
            text("insert into public.revoked_sessions (session_id, reason) values ('sess_ended', 'signed_out')")
        )
        become_browser(connection, two_users.ada.clerk_user_id, sid=sid)

        assert may_read_topic(connection, f"user:{two_users.ada.clerk_user_id}") is may_join


def test_an_unknown_user_cannot_join_a_topic(two_users: TwoUsers) -> None:
    with browser(two_users, "user_unknown") as connection:
        assert not may_read_topic(connection, "user:user_unknown")


@pytest.mark.parametrize(
    "outage",
    [
        "drop function realtime.send(jsonb, text, text, boolean)",
        "drop schema realtime cascade",
        "drop table realtime.messages_default",  # the partition of the day is missing
        "alter table realtime.messages rename to gone",
        """
        create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
        returns void language plpgsql as $$ begin raise exception 'down'; end $$
        """,
    ],
)
def test_no_outage_of_realtime_loses_a_step(two_users: TwoUsers, outage: str) -> None:
    with two_users.owner.connect() as connection, Session(connection) as session:
        connection.exec_driver_sql(outage)
        connection.exec_driver_sql("set local role whyviral_backend")

        status = AnalysisStatus(
            request_id=two_users.ada.request_id, seq=2, attempt=1, stage="error", progress=10, message=""
        )
        session.add(status)
        session.flush()

        assert session.scalar(select(func.count()).where(AnalysisStatus.request_id == two_users.ada.request_id)) == 2


def test_a_migration_needs_no_superuser(postgres: Postgres, template: str) -> None:
    owner = "supabase_postgres"
    run_script(postgres.url, f"create role {owner} login createrole password '{postgres.password_of(owner)}'")
    run_script(postgres.url, f"create database owned owner {owner}")
    run_script(postgres.url_of("owned"), SHIM.read_text())
    run_script(postgres.url_of("owned"), f"alter table realtime.messages owner to {owner}")
    run_script(postgres.url_of("owned"), f"grant usage on schema auth, realtime to {owner}")
    config = alembic_config(postgres.url_of("owned", role=owner))

    command.upgrade(config, "head")
    command.downgrade(config, "base")
    command.upgrade(config, "head")

    product.drop_database(postgres, "owned")
    run_script(postgres.url, f"drop role {owner}")


def test_a_downgrade_leaves_supabases_own_schemas_unchanged(postgres: Postgres) -> None:
    product.create_database(postgres, "supabase_down")
    url = postgres.url_of("supabase_down")
    run_script(url, SHIM.read_text())
    config = alembic_config(url)
    command.ensure_version(config)
    # A downgrade does not grant this to browsers again.
    run_script(url, "revoke all on public.alembic_version from anon, authenticated")
    before = dump_schema(url)

    command.upgrade(config, "head")
    command.downgrade(config, "base")

    assert dump_schema(url) == before
    product.drop_database(postgres, "supabase_down")
