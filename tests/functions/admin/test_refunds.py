"""Refunds through the panel, with the real client of Dodo against its stand-in: at most one for each payment."""

import dataclasses
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.admin.guard import AdminGuard
from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import PRO_PRODUCT
from tests.factories import create_user
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.admin.conftest import Panel
from whyviral.accounts.models import BillingProvider
from whyviral.admin.models import AdminAction
from whyviral.admin.refunds import RESUME_AFTER
from whyviral.billing.models import Payment, PaymentStatus, Refund
from whyviral.core.clock import utc_now
from whyviral.vendor_calls.models import ExternalApiCallLog

type ListActions = Callable[[uuid.UUID], list[AdminAction]]
REASON = "Charged twice."
DODO = {"Authorization": f"Bearer {API_KEY}"}


def books(stand_ins: StandInsClient) -> dict[str, Any]:
    state: dict[str, Any] = stand_ins.http.get("/__control/dodo/state").raise_for_status().json()
    return state


@pytest.fixture
def payment(rows: Session, stand_ins: StandInsClient) -> Payment:
    """A payment at the stand-in, and our row of it."""
    email = f"{uuid.uuid4()}@example.com"
    user = create_user(rows, email=email)
    body = {"product_cart": [{"product_id": PRO_PRODUCT, "quantity": 1}], "customer": {"email": email}}
    answer = stand_ins.http.post("/dodo/checkouts", json=body, headers=DODO).raise_for_status()
    before = books(stand_ins)["payments"].keys()
    stand_ins.control(f"dodo/checkouts/{answer.json()['session_id']}/pay", {"outcome": "succeeded"})
    payments = books(stand_ins)["payments"]
    (payment_id,) = payments.keys() - before
    return add_payment(rows, user.id, payment_id, provider_subscription_id=payments[payment_id]["subscription_id"])


def add_payment(rows: Session, user_id: uuid.UUID, payment_id: str, **columns: Any) -> Payment:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    row = Payment(
        **{
            "user_id": user_id,
            "provider": BillingProvider.DODO,
            "provider_payment_id": payment_id,
            "status": PaymentStatus.SUCCEEDED,
            "amount_cents": 1_900,
            "tax_cents": 0,
            "currency": "USD",
            "paid_at": now,
            "provider_updated_at": now,
            "provider_digest": "digest",
        }
        | columns
    )
    rows.add(row)
    rows.commit()
    return row


def refunds_of(stand_ins: StandInsClient, payment: Payment) -> list[dict[str, Any]]:
    found = books(stand_ins)["refunds"].values()
    return [each for each in found if each["payment_id"] == payment.provider_payment_id]


def refund(panel: Panel, payment: Payment) -> int:
    return panel.post(f"/actions/payments/{payment.id}/refund", reason=REASON).status_code


def wait_two_minutes(app: AdminGuard) -> None:
    app.services = dataclasses.replace(app.services, clock=lambda: utc_now() + RESUME_AFTER)


def test_a_payment_is_refunded_in_full_once(
    panel: Panel, rows: Session, payment: Payment, stand_ins: StandInsClient, list_actions: ListActions
) -> None:
    codes = [refund(panel, payment), refund(panel, payment)]

    assert codes == [303, 409]
    (made,) = refunds_of(stand_ins, payment)
    done, refused = list_actions(payment.id)
    assert made["metadata"] == {"admin_action_id": str(done.id)}
    assert (made["reason"], made.get("is_partial", False)) == (REASON, False)
    assert (done.outcome, done.details["refund_id"], done.details["cents"]) == ("SUCCEEDED", made["refund_id"], 1_900)
    assert (refused.outcome, refused.details) == ("REFUSED", {"code": "already_refunded"})
    calls = select(ExternalApiCallLog.operation).where(ExternalApiCallLog.user_id == payment.user_id)
    assert rows.scalars(calls).all() == ["POST /refunds"]


def test_administrators_who_refund_a_payment_at_once_cause_one_refund(
    panel: Panel, payment: Payment, stand_ins: StandInsClient
) -> None:
    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(lambda _: refund(panel, payment), range(4)))

    assert codes == [303, 409, 409, 409]
    assert len(refunds_of(stand_ins, payment)) == 1


def test_after_a_lost_answer_the_next_attempt_finds_the_refund_and_makes_no_second_one(
    panel: Panel, app: AdminGuard, payment: Payment, stand_ins: StandInsClient, list_actions: ListActions
) -> None:
    stand_ins.fault("dodo", "disconnect", times=1)
    lost = refund(panel, payment)
    too_early = refund(panel, payment)
    order = {"payment_id": payment.provider_payment_id, "reason": REASON, "metadata": {}}
    stand_ins.http.post("/dodo/refunds", json=order, headers=DODO).raise_for_status()  # what the lost call did
    wait_two_minutes(app)

    assert (lost, too_early, refund(panel, payment)) == (503, 409, 303)
    (made,) = refunds_of(stand_ins, payment)
    first, refused = list_actions(payment.id)
    assert (first.outcome, first.details["refund_id"]) == ("SUCCEEDED", made["refund_id"])
    assert refused.details == {"code": "refund_in_progress"}


def test_after_a_call_that_never_arrived_the_next_attempt_refunds(
    panel: Panel, app: AdminGuard, payment: Payment, stand_ins: StandInsClient, list_actions: ListActions
) -> None:
    stand_ins.fault("dodo", "disconnect", times=1)
    lost = refund(panel, payment)
    wait_two_minutes(app)

    assert (lost, refund(panel, payment)) == (503, 303)
    assert len(refunds_of(stand_ins, payment)) == 1
    assert [each.outcome for each in list_actions(payment.id)] == ["SUCCEEDED"]


def test_while_dodo_cannot_be_asked_an_open_refund_stays_open(
    panel: Panel, app: AdminGuard, payment: Payment, stand_ins: StandInsClient, list_actions: ListActions
) -> None:
    stand_ins.fault("dodo", "disconnect", times=1)
    refund(panel, payment)
    wait_two_minutes(app)
    stand_ins.fault("dodo", "status", status=429)

    assert refund(panel, payment) == 503
    assert (refunds_of(stand_ins, payment), [each.outcome for each in list_actions(payment.id)]) == ([], ["STARTED"])


def test_a_refusal_of_dodo_is_recorded_and_may_be_tried_again(
    panel: Panel, payment: Payment, stand_ins: StandInsClient, list_actions: ListActions
) -> None:
    stand_ins.fault("dodo", "status", status=400, body={"code": "REFUND_WINDOW_EXPIRED", "message": "no"}, times=1)

    assert (refund(panel, payment), refund(panel, payment)) == (503, 303)
    failed, done = list_actions(payment.id)
    assert (failed.outcome, failed.details["code"], done.outcome) == ("FAILED", "REFUND_WINDOW_EXPIRED", "SUCCEEDED")


@pytest.mark.parametrize(
    "columns",
    [
        {"status": PaymentStatus.FAILED},
        {"status": PaymentStatus.REFUNDED, "refunded_cents": 1_900},
        {"refunded_cents": 1},
    ],
)
def test_only_a_payment_that_succeeded_and_was_not_refunded_can_be(
    panel: Panel, rows: Session, stand_ins: StandInsClient, list_actions: ListActions, columns: dict[str, Any]
) -> None:
    other = add_payment(rows, create_user(rows).id, f"pay_{uuid.uuid4()}", **columns)

    assert refund(panel, other) == 409
    assert stand_ins.calls("dodo") == []
    assert [each.details for each in list_actions(other.id)] == [{"code": "payment_not_refundable"}]


def test_a_refund_that_failed_at_dodo_after_all_can_be_made_again(
    panel: Panel, rows: Session, payment: Payment, list_actions: ListActions
) -> None:
    user_id = payment.user_id
    rows.add(
        AdminAction(
            admin_id=user_id,
            action="refund_payment",
            target_type="payment",
            target_id=payment.id,
            reason=REASON,
            outcome="SUCCEEDED",
            details={"refund_id": f"ref_{payment.id}"},
        )
    )
    now = utc_now()
    rows.add(
        Refund(
            user_id=user_id,
            payment_id=payment.id,
            provider_refund_id=f"ref_{payment.id}",
            status="FAILED",
            amount_cents=1_900,
            currency="USD",
            refunded_at=now,
            provider_updated_at=now,
            provider_digest="digest",
        )
    )
    rows.commit()

    assert refund(panel, payment) == 303
    assert [each.outcome for each in list_actions(payment.id)] == ["FAILED", "SUCCEEDED"]
