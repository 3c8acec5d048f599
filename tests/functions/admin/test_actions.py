"""The actions of the panel: what each changes, what it refuses, and the row that records it."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.factories import create_post, create_request, create_subscription, create_user
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.workflow import FakeWorkflow
from tests.functions.admin.conftest import Panel
from whyviral.accounts.models import BillingProvider, Plan, Subscription, SubscriptionStatus
from whyviral.admin.models import AdminAction
from whyviral.analysis.models import PostAnalysisRequest, PostState, RequestStatus
from whyviral.social.models import PlatformRow
from whyviral.webhooks.models import EventProvider, EventState, WebhookEvent

type ListActions = Callable[[uuid.UUID], list[AdminAction]]
REASON = "A user asked for it."


def outcomes(actions: list[AdminAction]) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [(each.action, each.outcome, each.reason, dict(each.details)) for each in actions]


def event(rows: Session, **columns: Any) -> WebhookEvent:
    row = WebhookEvent(
        **{
            "provider": EventProvider.DODO,
            "event_id": f"evt_{uuid.uuid4()}",
            "type": "payment.succeeded",
            "payload": {"data": {}},
            "state": EventState.FAILED,
        }
        | columns
    )
    rows.add(row)
    rows.commit()
    return row


@pytest.fixture
def youtube(rows: Session) -> Iterator[PlatformRow]:
    platform = rows.scalars(select(PlatformRow).where(PlatformRow.slug == "youtube")).one()
    yield platform
    rows.refresh(platform)
    platform.is_active = True
    rows.commit()


@pytest.mark.parametrize(
    "path", ["events/{}/requeue", "requests/{}/retry", "platforms/{}/off", "payments/{}/refund", "users/{}/plan"]
)
def test_an_unknown_row_is_not_found_and_not_recorded(panel: Panel, list_actions: ListActions, path: str) -> None:
    unknown = uuid.uuid4()

    assert panel.post(f"/actions/{path.format(unknown)}", reason=REASON).status_code == 404
    assert panel.post(f"/actions/{path.format('nonsense')}", reason=REASON).status_code == 404
    assert list_actions(unknown) == []


@pytest.mark.parametrize("reason", ["", "  ", "no", " x ", "x" * 501, "a\0b c"])
def test_an_action_without_a_reason_changes_nothing(
    panel: Panel, rows: Session, youtube: PlatformRow, reason: str, list_actions: ListActions
) -> None:
    before = list_actions(youtube.id)

    reply = panel.post(f"/actions/platforms/{youtube.id}/off", reason=reason)

    assert (reply.status_code, "Say why" in reply.text) == (422, True)
    rows.refresh(youtube)
    assert youtube.is_active
    assert len(list_actions(youtube.id)) == len(before)


def test_a_platform_is_switched_off_and_on_again(
    panel: Panel, rows: Session, youtube: PlatformRow, list_actions: ListActions
) -> None:
    before = len(list_actions(youtube.id))

    off = panel.post(f"/actions/platforms/{youtube.id}/off", reason=REASON)
    rows.refresh(youtube)
    was_active = youtube.is_active
    again = panel.post(f"/actions/platforms/{youtube.id}/off", reason="Once more.")
    on = panel.post(f"/actions/platforms/{youtube.id}/on", reason="It is back.")
    rows.refresh(youtube)

    assert (off.status_code, again.status_code, on.status_code) == (303, 409, 303)
    assert (was_active, youtube.is_active) == (False, True)
    actions = list_actions(youtube.id)[before:]
    assert outcomes(actions) == [
        ("switch_platform", "SUCCEEDED", REASON, {"platform": "youtube", "is_active": False}),
        ("switch_platform", "REFUSED", "Once more.", {"code": "platform_unchanged"}),
        ("switch_platform", "SUCCEEDED", "It is back.", {"platform": "youtube", "is_active": True}),
    ]
    assert {action.admin_id for action in actions} == {panel.user.id if panel.user else None}
    shown = panel.client.get(on.headers["location"].removeprefix("/live"))
    assert "The platform is on" in shown.text


def test_a_failed_event_is_queued_again(
    panel: Panel, rows: Session, queue: FakeEventQueue, list_actions: ListActions
) -> None:
    failed = event(rows)

    reply = panel.post(f"/actions/events/{failed.id}/requeue", reason=REASON)

    assert (reply.status_code, queue.events) == (303, [failed.id])
    assert outcomes(list_actions(failed.id)) == [("requeue_event", "SUCCEEDED", REASON, {})]


def test_a_processed_event_is_not_queued_again(
    panel: Panel, rows: Session, queue: FakeEventQueue, list_actions: ListActions
) -> None:
    done = event(rows, state=EventState.PROCESSED)

    assert panel.post(f"/actions/events/{done.id}/requeue", reason=REASON).status_code == 409
    assert queue.events == []
    assert outcomes(list_actions(done.id)) == [
        ("requeue_event", "REFUSED", REASON, {"code": "event_already_processed"})
    ]


def test_an_event_that_the_queue_did_not_take_is_recorded_as_failed(
    panel: Panel, rows: Session, queue: FakeEventQueue, list_actions: ListActions
) -> None:
    failed = event(rows)
    queue.is_down = True

    assert panel.post(f"/actions/events/{failed.id}/requeue", reason=REASON).status_code == 503
    assert outcomes(list_actions(failed.id)) == [("requeue_event", "FAILED", REASON, {"provider": "sqs"})]


def failed_request(rows: Session, **columns: Any) -> PostAnalysisRequest:
    user = create_user(rows)
    create_subscription(rows, user)
    post = create_post(rows)
    request = create_request(rows, user, [post], state=PostState.FAILED, **{"status": RequestStatus.FAILED} | columns)
    rows.commit()
    return request


def test_a_failed_request_runs_again_for_its_user(
    panel: Panel, rows: Session, workflow: FakeWorkflow, list_actions: ListActions
) -> None:
    request = failed_request(rows)

    reply = panel.post(f"/actions/requests/{request.id}/retry", reason=REASON)

    assert (reply.status_code, workflow.started) == (303, [(request.id, 2)])
    rows.refresh(request)
    assert (request.status, request.retry_count) == (RequestStatus.PENDING, 1)
    assert outcomes(list_actions(request.id)) == [("retry_request", "SUCCEEDED", REASON, {"attempt": 2})]


def test_a_request_that_cannot_be_started_waits_for_the_sweeper(
    panel: Panel, rows: Session, workflow: FakeWorkflow
) -> None:
    request = failed_request(rows)
    workflow.is_down = True

    reply = panel.post(f"/actions/requests/{request.id}/retry", reason=REASON)

    assert reply.headers["location"].endswith("?notice=retry_waits")


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"status": RequestStatus.PROCESSING}, "analysis_still_running"), ({"retry_count": 3}, "retries_used_up")],
)
def test_the_rules_of_retries_hold_for_administrators(
    panel: Panel,
    rows: Session,
    workflow: FakeWorkflow,
    list_actions: ListActions,
    columns: dict[str, Any],
    code: str,
) -> None:
    request = failed_request(rows, **columns)

    assert panel.post(f"/actions/requests/{request.id}/retry", reason=REASON).status_code == 409
    assert workflow.started == []
    assert outcomes(list_actions(request.id)) == [("retry_request", "REFUSED", REASON, {"code": code})]


def test_a_request_that_its_user_deleted_cannot_be_retried(panel: Panel, rows: Session) -> None:
    request = failed_request(rows, deleted_at=datetime(2026, 11, 1, tzinfo=UTC))

    assert panel.post(f"/actions/requests/{request.id}/retry", reason=REASON).status_code == 404


def current_plan(rows: Session, user_id: uuid.UUID) -> str | None:
    rows.expire_all()
    own = select(Plan.slug).join(Subscription, Subscription.plan_id == Plan.id)
    return rows.scalar(own.where(Subscription.user_id == user_id, Subscription.status == SubscriptionStatus.ACTIVE))


def test_a_user_who_pays_nothing_gets_another_plan(panel: Panel, rows: Session, list_actions: ListActions) -> None:
    user = create_user(rows)
    create_subscription(rows, user)
    rows.commit()

    reply = panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="pro")
    again = panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="pro")

    assert (reply.status_code, again.status_code, current_plan(rows, user.id)) == (303, 409, "pro")
    assert outcomes(list_actions(user.id)) == [
        ("change_plan", "SUCCEEDED", REASON, {"from": "free", "to": "pro"}),
        ("change_plan", "REFUSED", REASON, {"code": "plan_unchanged"}),
    ]


def test_a_user_without_any_subscription_gets_one(panel: Panel, rows: Session) -> None:
    user = create_user(rows)
    rows.commit()

    assert panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="business").status_code == 303
    assert current_plan(rows, user.id) == "business"


@pytest.mark.parametrize(
    "columns",
    [
        {"provider_status": "active", "status": SubscriptionStatus.ACTIVE},
        {"provider_status": "on_hold", "status": SubscriptionStatus.FAILED},
        {"provider_status": "cancelled", "status": SubscriptionStatus.CANCELING},
    ],
)
def test_a_live_subscription_at_dodo_decides_about_the_plan(
    panel: Panel, rows: Session, list_actions: ListActions, columns: dict[str, Any]
) -> None:
    user = create_user(rows)
    create_subscription(rows, user, plan="pro", provider=BillingProvider.DODO, **columns)
    rows.commit()

    assert panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="free").status_code == 409
    assert outcomes(list_actions(user.id)) == [("change_plan", "REFUSED", REASON, {"code": "live_subscription"})]


def test_an_ended_subscription_at_dodo_does_not_decide(panel: Panel, rows: Session) -> None:
    user = create_user(rows)
    ended = {"provider_status": "expired", "status": SubscriptionStatus.EXPIRED}
    create_subscription(rows, user, plan="pro", provider=BillingProvider.DODO, **ended)
    create_subscription(rows, user)
    rows.commit()

    assert panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="business").status_code == 303
    assert current_plan(rows, user.id) == "business"


@pytest.mark.parametrize("plan", ["", "gold", "x" * 3_000, "pro\0"])
def test_a_plan_that_is_not_on_sale_is_refused(panel: Panel, rows: Session, plan: str) -> None:
    user = create_user(rows)
    create_subscription(rows, user)
    rows.commit()

    assert panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan=plan).status_code == 422
    assert current_plan(rows, user.id) == "free"


def test_the_plan_of_a_deleted_account_does_not_change(panel: Panel, rows: Session) -> None:
    user = create_user(rows, deleted_at=datetime(2026, 11, 1, tzinfo=UTC), email=None)
    rows.commit()

    assert panel.post(f"/actions/users/{user.id}/plan", reason=REASON, plan="pro").status_code == 409
