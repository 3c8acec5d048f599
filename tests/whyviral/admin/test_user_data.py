"""What happens to a user's rows, table by table: a new table fails these tests until it says so."""

import importlib
import json
import pkgutil
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

import whyviral
from tests.factories import (
    create_activity,
    create_analysis,
    create_chat,
    create_delivery,
    create_endpoint,
    create_note,
    create_post,
    create_request,
    create_reservation,
    create_share_link,
    create_status,
    create_subscription,
    create_suggestion,
    create_usage,
    create_user,
)
from whyviral.accounts.models import EmailVerification, User
from whyviral.admin.models import ActionName, ActionOutcome, AdminAction, TargetType
from whyviral.admin.user_data import NOT_ABOUT_USERS, USER_ROWS, Deletion, Owner, UserRows, delete_user
from whyviral.admin.user_export import InvalidExportCursor, export_page
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.analytics.models import ApiAccessLog, AppLog, AuthenticationLog
from whyviral.billing.models import Credit, Dispute, Invoice, Payment, PaymentMethod, Refund
from whyviral.core.database import Base
from whyviral.feedback.models import Feedback
from whyviral.throttling.models import IdempotencyKey, RateWindow
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks.models import WebhookEvent

NOW = datetime.now(UTC)
_ROWS_OF = {rows.model: rows for rows in USER_ROWS}


def all_models() -> list[type[Base]]:
    """Return the class of every table, whichever domain it is in."""
    for module in pkgutil.walk_packages(whyviral.__path__, "whyviral."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    return sorted((mapper.class_ for mapper in Base.registry.mappers), key=lambda model: model.__tablename__)


def owner_of(user: User) -> Owner:
    return Owner(user.id, user.clerk_user_id)


def create_payment(session: Session, user: User, name: str) -> None:
    """Make a payment with everything that belongs to one."""
    create_subscription(
        session,
        user,
        plan="pro",
        status="PENDING",
        provider="DODO",
        provider_status="on_hold",
        provider_subscription_id=f"subscription of {user.id}",
        provider_customer_id=f"customer of {user.id}",
    )
    whose, money = {"user_id": user.id}, {"amount_cents": 1_900, "currency": "USD"}
    mirror = {"provider_updated_at": NOW, "provider_digest": "digest"}
    payment = Payment(
        provider="DODO",
        provider_payment_id=f"payment of {user.id}",
        status="SUCCEEDED",
        tax_cents=0,
        paid_at=NOW,
        **whose | money | mirror,
    )
    session.add(payment)
    session.flush()
    paid = whose | money | {"payment_id": payment.id}
    session.add_all(
        [
            PaymentMethod(
                provider="DODO",
                provider_payment_method_id=f"card of {user.id}",
                kind="card",
                provider_updated_at=NOW,
                **whose,
            ),
            Invoice(tax_cents=0, issued_at=NOW, **paid),
            Refund(
                provider_refund_id=f"refund of {user.id}",
                status="SUCCEEDED",
                reason=f"reason of {name}",
                refunded_at=NOW,
                **paid | mirror,
            ),
            Dispute(
                provider_dispute_id=f"dispute of {user.id}", status="dispute_won", disputed_at=NOW, **paid | mirror
            ),
            Credit(
                provider_entry_id=f"credit of {user.id}",
                kind="credit_added",
                amount=1,
                balance_after=1,
                is_credit=True,
                credited_at=NOW,
                **whose,
            ),
            WebhookEvent(
                provider="dodo",
                event_id=f"payment event of {user.id}",
                type="payment.succeeded",
                subject_id=f"payment of {user.id}",
                payload={"name": name},
            ),
        ]
    )


def create_everything(session: Session, name: str) -> User:
    """Make a user with rows in every table that can hold some; all that tells who they are contains `name`."""
    user = create_user(
        session, email=f"{name}@example.com", full_name=name, company_name=name, profile_image=f"https://a/{name}"
    )
    create_subscription(session, user)
    create_payment(session, user, name)
    create_usage(session, user, url_lookups=1)
    post = create_post(session)
    request = create_request(session, user, [post], status="PROCESSING")
    create_reservation(session, request)
    create_share_link(session, request, token=f"token of {name}")
    endpoint = create_endpoint(session, user, url=f"https://{name}.example.com/", description=f"hook of {name}")
    create_delivery(session, endpoint, data={"name": name})
    create_status(session, request)
    analysis = create_analysis(session, request, post)
    create_suggestion(session, analysis, text=f"suggestion for {name}")
    create_note(session, user, analysis, content=f"note of {name}")
    create_chat(session, user, analysis, content=f"answer to {name}")
    create_activity(session, user, post)
    later = NOW + timedelta(hours=1)
    where = {"address": f"address of {name}", "user_agent": f"browser of {name}"}
    log = {"user_id": user.id, "created_at": NOW}
    session.add_all(
        [
            Feedback(user_id=user.id, category="idea", text=f"idea of {name}"),
            IdempotencyKey(
                user_id=user.id,
                key=f"key of {name}",
                fingerprint=name,
                lease=uuid.uuid4(),
                leased_until=later,
                expires_at=later,
                status_code=200,
                answer=f"answer to {name}",
            ),
            RateWindow(scope="analyses", subject=str(user.id), hits=[NOW], was_allowed=True, expires_at=later),
            EmailVerification(
                email_hash=f"hash of {name}",
                purpose="sign_up",
                clerk_user_id=user.clerk_user_id,
                email_address_id=f"idn_{name}",
                verification_id=f"ver_{name}",
                expires_at=later,
            ),
            WebhookEvent(
                provider="clerk",
                event_id=f"evt_{user.id}",
                type="user.created",
                subject_id=user.clerk_user_id,
                payload={"name": name},
            ),
            AppLog(user_id=user.id, category="API", event="feedback_given"),
            AdminAction(
                admin_id=user.id,
                action=ActionName.CHANGE_PLAN,
                target_type=TargetType.USER,
                target_id=user.id,
                reason="a favour",
                outcome=ActionOutcome.SUCCEEDED,
            ),
            AuthenticationLog(
                event="sign_in", outcome="succeeded", user_id=user.id, email_hash=f"hash of {name}", **where
            ),
            AuthenticationLog(event="sign_in", outcome="refused", email_hash=f"hash of {name}", **where),
        ]
    )
    session.flush()
    session.execute(
        insert(ApiAccessLog).values(request_id="r", method="GET", status=200, response_time_ms=1, **log, **where)
    )
    session.execute(
        insert(ExternalApiCallLog).values(
            provider="clerk", operation="GET", started_at=NOW, is_stand_in=False, attempt=1, **log
        )
    )
    return user


def dump(session: Session) -> str:
    """Return every row of every table as text."""
    session.flush()
    lines: list[str] = []
    for table in Base.metadata.sorted_tables:
        lines += session.scalars(text(f"select '{table.name} ' || t::text from {table.name} t")).all()  # noqa: S608 - our own tables
    return "\n".join(lines)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__tablename__)
def test_every_table_says_what_a_deletion_does_to_its_rows(model: type[Base]) -> None:
    assert (model in _ROWS_OF) != (model in NOT_ABOUT_USERS), (
        f"{model.__tablename__}: add it to USER_ROWS, or to NOT_ABOUT_USERS if no row of it is about a user"
    )


@pytest.mark.parametrize("model", NOT_ABOUT_USERS, ids=lambda model: model.__tablename__)
def test_a_table_that_is_not_about_users_refers_to_none(model: type[Base]) -> None:
    columns = model.__table__.columns

    referred = {key.column.table.name for column in columns for key in column.foreign_keys}

    assert referred & {rows.model.__tablename__ for rows in USER_ROWS} == set()
    assert {"user_id", "clerk_user_id", "email", "address", "user_agent"} & set(columns.keys()) == set()


@pytest.mark.parametrize("rows", USER_ROWS, ids=lambda rows: rows.model.__tablename__)
def test_only_an_erasure_names_columns(rows: UserRows) -> None:
    columns = rows.model.__table__.columns

    assert bool(rows.erased) == (rows.deletion is Deletion.ERASED)
    assert all(columns[name].nullable for name in rows.erased)


def test_a_deleted_user_leaves_no_trace_in_any_table(session: Session) -> None:
    ada, bob = create_everything(session, "Ada-Lovelace"), create_everything(session, "Bob-Babbage")
    for rows in USER_ROWS:
        count = session.scalar(select(func.count()).select_from(rows.model).where(rows.belongs_to(owner_of(ada))))
        assert count, f"{rows.model.__tablename__}: the test makes no row of it"
    before = dump(session)
    assert before.count("Ada-Lovelace") == before.count("Bob-Babbage") > 15

    delete_user(session, ada.clerk_user_id, now=NOW)

    after = dump(session)
    assert [line for line in after.splitlines() if "Ada-Lovelace" in line] == []
    assert after.count("Bob-Babbage") == before.count("Bob-Babbage")
    for rows in USER_ROWS:
        left = session.scalar(select(func.count()).select_from(rows.model).where(rows.belongs_to(owner_of(ada))))
        assert bool(left) == (rows.deletion is not Deletion.DELETED), rows.model.__tablename__
        assert session.scalar(select(func.count()).select_from(rows.model).where(rows.belongs_to(owner_of(bob))))


def test_running_requests_of_a_deleted_user_end_and_their_urls_are_returned(session: Session) -> None:
    ada = create_user(session)
    posts = [create_post(session) for _ in range(2)]
    running = create_request(session, ada, posts[:1], status="PROCESSING")
    done = create_request(session, ada, posts[1:], status="COMPLETED")
    create_usage(session, ada, url_lookups=1)
    create_reservation(session, running, url=posts[0].url)

    delete_user(session, ada.clerk_user_id, now=NOW)

    session.expire_all()
    statuses = {row.id: row.status for row in session.scalars(select(PostAnalysisRequest))}
    assert (statuses[running.id], statuses[done.id]) == (RequestStatus.FAILED, RequestStatus.COMPLETED)
    assert session.scalars(select(UsageReservation.state)).all() == ["returned"]
    assert session.scalars(select(UserUsage.url_lookups)).all() == [0]


def test_deleting_a_user_again_changes_nothing(session: Session) -> None:
    ada = create_everything(session, "Ada")
    first = delete_user(session, ada.clerk_user_id, now=NOW)
    before = dump(session)
    session.expire_all()

    second = delete_user(session, ada.clerk_user_id, now=NOW + timedelta(hours=1))

    assert first == second == ada.id
    assert session.scalars(select(AuthenticationLog.event)).all().count("account_delete") == 1
    assert {line for line in dump(session).splitlines() if not line.startswith("users ")} == {
        line for line in before.splitlines() if not line.startswith("users ")
    }


def test_a_user_who_was_never_seen_is_recorded_as_deleted(session: Session) -> None:
    user_id = delete_user(session, "user_unseen", now=NOW)

    assert session.get_one(User, user_id).deleted_at == NOW


def lines_of(page: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in page.splitlines()]


def test_an_export_holds_a_row_of_every_table_and_none_of_another_user(session: Session) -> None:
    ada = create_everything(session, "Ada-Lovelace")
    create_everything(session, "Bob-Babbage")

    page = export_page(session, owner_of(ada))

    *rows, last = lines_of(page)
    assert last == {"table": None, "row": None, "next_cursor": None}
    assert {row["table"] for row in rows} == {each.model.__tablename__ for each in USER_ROWS}
    assert b"Bob-Babbage" not in page
    for trace in (b"Ada-Lovelace@example.com", b"browser of Ada", b"idea of Ada", b"answer to Ada", b"address of Ada"):
        assert trace in page


@pytest.mark.parametrize("max_bytes", [1, 2_000, 20_000])
def test_the_pages_of_an_export_make_up_the_whole(max_bytes: int, session: Session) -> None:
    ada = create_everything(session, "Ada")
    session.add_all(Feedback(user_id=ada.id, category="idea", text="x" * 1_000) for _ in range(120))
    session.flush()
    *whole, _ = lines_of(export_page(session, owner_of(ada)))

    pages, cursor = [], None
    while True:
        page = export_page(session, owner_of(ada), cursor=cursor, max_bytes=max_bytes)
        pages.append(page)
        if (cursor := lines_of(page)[-1]["next_cursor"]) is None:
            break

    assert [line for page in pages for line in lines_of(page)[:-1]] == whole
    assert all(len(page) <= max_bytes or len(lines_of(page)) == 2 for page in pages)
    assert len(pages) > 1


@pytest.mark.parametrize("cursor", ["", "feedback", "feedback:7", f"posts:{uuid.UUID(int=1)}", "feedback:\0", "é:é"])
def test_a_cursor_of_no_export_is_refused(cursor: str, session: Session) -> None:
    with pytest.raises(InvalidExportCursor):
        export_page(session, Owner(uuid.uuid4(), "user_1"), cursor=cursor)
