"""The billing routes against Dodo's stand-in, whose events are processed as the function does it."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.routers.billing import BILLING_RATE
from functions.webhooks.dodo_events import read_event
from functions.webhooks.event_batch import process_event
from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from local.stand_ins.dodo.webhooks import body_of
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn
from whyviral.accounts.models import Plan
from whyviral.billing.mirror.fetches import Fetches
from whyviral.core.clock import utc_now
from whyviral.core.database import session_scope
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.throttling.models import RateWindow
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks import inbox

BILLING = "/api/billing/"
DAY_S = 86_400
_PRODUCTS = {"pro": PRO_PRODUCT, "business": BUSINESS_PRODUCT}


def connect(calls: CallRecorder) -> DodoClient:
    return DodoClient(API_KEY, mode=DodoMode.TEST, calls=calls)


@dataclass(slots=True)
class Shop:
    """A customer at the API, and Dodo behind it."""

    client: TestClient
    stand_ins: StandInsClient
    engine: Engine
    customer: SignedIn
    processed: set[str] = field(default_factory=set)

    def call(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        reply = self.client.request(method, path, json=body or None, headers=self.customer.headers)
        return reply.status_code, reply.json()

    def post(self, name: str, **body: Any) -> tuple[int, Any]:
        return self.call("POST", BILLING + name, **body)

    def subscription(self) -> Any:
        status, found = self.call("GET", "/api/accounts/subscription/")
        assert status == 200
        return found

    def plan(self) -> tuple[str, str, list[str]]:
        """Return plan, status and the kinds of notices."""
        found = self.subscription()
        return found["plan"]["slug"], found["status"], [notice["kind"] for notice in found["notices"]]

    def history(self) -> list[dict[str, Any]]:
        status, found = self.call("GET", BILLING + "subscription/history/")
        assert status == 200
        results: list[dict[str, Any]] = found["results"]
        return results

    def dodo(self, path: str, **order: Any) -> Any:
        """Give the stand-in an order, and process the events that follow from it."""
        answer = self.stand_ins.control(f"dodo/{path}", order)
        self.take_events()
        return answer

    def take_events(self) -> None:
        state = self.stand_ins.http.get("/__control/dodo/state").raise_for_status().json()
        for event in state["events"]:
            if event["id"] not in self.processed:
                self.processed.add(event["id"])
                self._process(event["id"], {name: value for name, value in event.items() if name != "id"})

    def _process(self, event_id: str, document: dict[str, Any]) -> None:
        incoming = read_event(event_id, body_of(document), mode=DodoMode.TEST)
        with session_scope(self.engine) as session:
            stored = inbox.receive(session, incoming)
        assert stored is not None
        process_event(stored, Fetches(self.engine, connect, utc_now))

    def buy(self, plan: str) -> str:
        """Buy a plan and return the provider's id of the subscription."""
        status, checkout = self.post("subscribe/", plan=plan)
        assert status == 200, checkout
        session_id = checkout["checkout_url"].rsplit("/", 1)[1]
        subscription_id: str = self.dodo(f"checkouts/{session_id}/pay", outcome="succeeded")["subscription_id"]
        return subscription_id

    def calls(self) -> list[str]:
        """Return the calls to Dodo so far, without those that only read."""
        with Session(self.engine) as session:
            of_user = select(ExternalApiCallLog.operation).where(
                ExternalApiCallLog.user_id == self.customer.user.id, ExternalApiCallLog.provider == "dodo"
            )
            made = session.scalars(of_user.order_by(ExternalApiCallLog.started_at)).all()
        return [operation for operation in made if not operation.startswith("GET")]


@pytest.fixture
def shop(
    client: TestClient, stand_ins: StandInsClient, api_engine: Engine, free_user: SignedIn, rows: Session
) -> Iterator[Shop]:
    for slug, product_id in _PRODUCTS.items():
        rows.execute(update(Plan).where(Plan.slug == slug).values(provider_product_id=product_id))
    rows.query(RateWindow).delete()
    rows.commit()
    yield Shop(client, stand_ins, api_engine, free_user)
    rows.execute(update(Plan).values(provider_product_id=None))
    rows.commit()


def test_a_plan_is_bought_and_its_limits_hold_at_once(shop: Shop) -> None:
    assert shop.plan() == ("free", "ACTIVE", [])
    status, checkout = shop.post("subscribe/", plan="pro")
    assert (status, checkout["status"], checkout["plan"]) == (200, "PENDING", "pro")
    assert shop.plan() == ("free", "ACTIVE", [])

    shop.dodo(f"checkouts/{checkout['checkout_url'].rsplit('/', 1)[1]}/pay", outcome="succeeded")

    assert shop.plan() == ("pro", "ACTIVE", [])
    assert shop.call("GET", "/api/accounts/usage/limits/")[1]["max_analyses_per_day"] == 100
    assert [(entry["kind"], entry["status"], entry["amount_cents"]) for entry in shop.history()] == [
        ("invoice", None, 1_900),
        ("payment", "SUCCEEDED", 1_900),
        ("subscription", "ACTIVE", None),
    ]
    (method,) = shop.call("GET", BILLING + "payment-methods/")[1]["payment_methods"]
    assert (method["brand"], method["last_four"], method["expiry_year"], method["is_default"]) == (
        "visa",
        "4242",
        2029,
        True,
    )


def test_a_second_click_returns_the_same_open_checkout(shop: Shop) -> None:
    first = shop.post("subscribe/", plan="pro")

    assert shop.post("subscribe/", plan="pro") == first
    assert shop.calls() == ["POST /checkouts"]
    assert shop.post("subscribe/", plan="business")[1]["checkout_url"] != first[1]["checkout_url"]


def test_two_clicks_at_once_create_one_checkout(shop: Shop) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shop.post("subscribe/", plan="pro"), range(4)))

    created = {answer["checkout_url"] for status, answer in answers if status == 200}
    assert len(created) == 1
    assert {answer["code"] for status, answer in answers if status != 200} <= {"checkout_in_progress"}
    assert shop.calls() == ["POST /checkouts"]


def test_a_key_makes_a_repeated_call_return_the_first_answer(shop: Shop) -> None:
    headers = shop.customer.headers | {"Idempotency-Key": str(uuid.uuid4())}

    first, second = (shop.client.post(BILLING + "subscribe/", json={"plan": "pro"}, headers=headers) for _ in range(2))

    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (200, "true")
    assert first.json() == second.json()


def test_a_failed_first_payment_leaves_the_free_plan_and_can_be_tried_again(shop: Shop) -> None:
    checkout = shop.post("subscribe/", plan="pro")[1]["checkout_url"].rsplit("/", 1)[1]

    shop.dodo(f"checkouts/{checkout}/pay", outcome="failed")
    assert shop.plan() == ("free", "ACTIVE", [])
    shop.dodo(f"checkouts/{checkout}/pay", outcome="succeeded")

    assert shop.plan() == ("pro", "ACTIVE", [])


def test_an_upgrade_is_previewed_and_then_charged_once(shop: Shop) -> None:
    shop.buy("pro")
    shop.dodo("clock", advance_s=10 * DAY_S)

    status, preview = shop.post("upgrade/", plan="business", preview=True)
    assert (status, preview["state"], preview["charge"]["currency"]) == (200, "preview", "USD")
    assert shop.plan()[0] == "pro"
    status, upgrade = shop.post("upgrade/", plan="business")
    shop.take_events()

    assert (status, upgrade["state"]) == (200, "done")
    assert shop.plan() == ("business", "ACTIVE", [])
    payments = [entry["amount_cents"] for entry in shop.history() if entry["kind"] == "payment"]
    assert payments == [preview["charge"]["total_cents"], 1_900]
    assert shop.post("upgrade/", plan="business")[1]["code"] == "already_on_plan"


def test_two_clicks_at_once_order_an_upgrade_once(shop: Shop) -> None:
    shop.buy("pro")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shop.post("upgrade/", plan="business"), range(4)))
    shop.take_events()

    assert {status for status, _ in answers} <= {200, 409}
    assert {answer["code"] for status, answer in answers if status == 409} <= {"already_on_plan"}
    assert shop.calls().count("POST /subscriptions/{id}/change-plan") == 1
    assert [entry["amount_cents"] for entry in shop.history() if entry["kind"] == "payment"] == [3_000, 1_900]


def test_an_upgrade_whose_payment_fails_keeps_the_plan(shop: Shop) -> None:
    subscription = shop.buy("pro")
    customer = shop.stand_ins.http.get("/__control/dodo/state").json()["subscriptions"][subscription]["customer_id"]
    shop.dodo("cards", customer_id=customer, outcome="failed")

    assert shop.post("upgrade/", plan="business")[1]["state"] == "processing"
    assert shop.post("upgrade/", plan="business")[1]["state"] == "processing"  # no second order
    shop.take_events()

    assert shop.plan()[0] == "pro"
    assert shop.calls().count("POST /subscriptions/{id}/change-plan") == 1


def test_an_upgrade_without_an_answer_is_looked_up_before_it_is_ordered_again(shop: Shop, rows: Session) -> None:
    shop.buy("pro")
    shop.stand_ins.fault("dodo", "disconnect", path="/subscriptions/", method="POST", times=1)

    status, answer = shop.post("upgrade/", plan="business")

    assert (status, answer["code"]) == (503, "provider_unavailable")
    assert shop.post("upgrade/", plan="business")[1]["state"] == "processing"


def test_a_downgrade_is_scheduled_shown_and_undone(shop: Shop) -> None:
    subscription = shop.buy("business")

    status, change = shop.post("upgrade/", plan="pro")
    shop.take_events()
    assert (status, change["state"]) == (200, "scheduled")
    assert shop.plan() == ("business", "ACTIVE", ["downgrade_scheduled"])
    assert shop.subscription()["downgrade_at"] == change["effective_at"] == shop.subscription()["current_period_end"]
    assert shop.post("cancel/undo/")[0] == 200
    assert shop.plan() == ("business", "ACTIVE", [])
    shop.post("upgrade/", plan="pro")
    shop.dodo("clock", to_next_billing_of=subscription)

    assert shop.plan() == ("pro", "ACTIVE", [])


def test_a_cancellation_serves_the_plan_until_the_period_ends(shop: Shop) -> None:
    subscription = shop.buy("pro")

    status, canceled = shop.post("cancel/")
    assert (status, canceled["status"], canceled["notices"][0]["kind"]) == (200, "CANCELING", "canceling")
    assert shop.post("cancel/")[0] == 200
    assert shop.post("upgrade/", plan="business")[1]["code"] == "subscription_canceling"
    assert shop.post("cancel/undo/")[1]["status"] == "ACTIVE"
    assert shop.post("cancel/undo/")[1]["code"] == "nothing_to_undo"
    assert shop.post("upgrade/", plan="free")[1]["state"] == "scheduled"
    assert shop.plan() == ("pro", "CANCELING", ["canceling"])
    shop.dodo("clock", to_next_billing_of=subscription)

    assert shop.plan() == ("free", "ACTIVE", [])
    assert shop.post("cancel/")[1]["code"] == "nothing_to_cancel"


def test_a_failed_renewal_falls_to_free_and_comes_back_when_it_is_paid(shop: Shop) -> None:
    subscription = shop.buy("pro")
    customer = shop.stand_ins.http.get("/__control/dodo/state").json()["subscriptions"][subscription]["customer_id"]
    shop.dodo("cards", customer_id=customer, outcome="failed")
    shop.dodo("clock", to_next_billing_of=subscription)

    assert shop.plan() == ("free", "ACTIVE", ["payment_failed", "on_hold"])
    assert shop.post("upgrade/", plan="business")[1]["code"] == "payment_on_hold"
    assert shop.post("subscribe/", plan="business")[1]["code"] == "payment_on_hold"
    assert shop.post("portal/")[1]["url"].startswith(shop.stand_ins.base_url)
    shop.dodo(f"subscriptions/{subscription}/update-payment-method", outcome="succeeded")

    assert shop.plan() == ("pro", "ACTIVE", [])


def test_a_refund_is_recorded_and_changes_no_plan(shop: Shop) -> None:
    shop.buy("pro")
    state = shop.stand_ins.http.get("/__control/dodo/state").json()
    (payment_id,) = state["payments"]
    body = {"payment_id": payment_id, "reason": "requested"}
    headers = {"Authorization": f"Bearer {API_KEY}"}
    shop.stand_ins.http.post("/dodo/refunds", json=body, headers=headers).raise_for_status()
    shop.take_events()

    assert shop.plan() == ("pro", "ACTIVE", [])
    kinds = {entry["kind"]: entry for entry in shop.history()}
    assert (kinds["payment"]["status"], kinds["payment"]["refunded_cents"]) == ("REFUNDED", 1_900)
    assert (kinds["refund"]["status"], kinds["refund"]["amount_cents"]) == ("SUCCEEDED", 1_900)


def test_an_invoice_is_a_pdf_for_its_owner_only(shop: Shop, sign_in: Callable[..., SignedIn]) -> None:
    shop.buy("pro")
    (invoice,) = [entry for entry in shop.history() if entry["kind"] == "invoice"]
    path = f"{BILLING}invoices/{invoice['id']}/pdf/"

    reply = shop.client.get(path, headers=shop.customer.headers)

    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/pdf")
    assert reply.content.startswith(b"%PDF-")
    assert shop.client.get(path, headers=sign_in().headers).json()["code"] == "invoice_not_found"


def test_while_dodo_is_down_nothing_is_bought_and_the_next_call_works(shop: Shop) -> None:
    shop.stand_ins.fault("dodo", "status", status=500, times=1)

    assert shop.post("subscribe/", plan="pro")[0] == 503
    assert shop.post("subscribe/", plan="pro")[0] == 200


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("subscribe/", {"plan": "gold"}, 404, "plan_not_found"),
        ("subscribe/", {"plan": "free"}, 404, "plan_not_found"),
        ("subscribe/", {"plan": "Pro'; --"}, 422, "invalid_request"),
        ("subscribe/", {"plan": "pro", "price": 1}, 422, "invalid_request"),
        ("upgrade/", {"plan": "pro"}, 409, "no_paid_subscription"),
        ("upgrade/", {"plan": "gold"}, 404, "plan_not_found"),
        ("cancel/", {}, 409, "nothing_to_cancel"),
        ("cancel/undo/", {}, 409, "nothing_to_undo"),
        ("portal/", {}, 404, "no_billing_account"),
    ],
)
def test_a_refusal_names_its_reason(shop: Shop, name: str, body: dict[str, Any], status: int, code: str) -> None:
    answer = shop.post(name, **body)

    assert (answer[0], answer[1]["code"]) == (status, code)
    assert shop.calls() == []


def test_a_paying_user_cannot_buy_a_second_plan(shop: Shop) -> None:
    shop.buy("pro")

    assert shop.post("subscribe/", plan="pro")[1]["code"] == "already_on_plan"
    assert shop.post("subscribe/", plan="business")[1]["code"] == "already_subscribed"


def test_the_calls_of_an_hour_are_limited_before_dodo_is_asked(shop: Shop) -> None:
    shop.buy("pro")
    for _ in range(BILLING_RATE.limit - 1):
        assert shop.post("portal/")[0] == 200

    for name, body in (("portal/", {}), ("cancel/", {}), ("upgrade/", {"plan": "business"})):
        assert shop.post(name, **body)[1]["code"] == "rate_limited"
    assert shop.calls().count("POST /customers/{id}/customer-portal/session") == BILLING_RATE.limit - 1
    assert shop.plan() == ("pro", "ACTIVE", [])


@pytest.mark.parametrize("name", ["success", "cancel"])
def test_the_pages_are_safe_and_lead_back_to_the_frontend(client: TestClient, app: FastAPI, name: str) -> None:
    reply = client.get(f"{BILLING}subscription/{name}/", params={"status": "<script>alert(1)</script>"})

    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "script" not in reply.text
    assert 'href="https://app.example.com/"' in reply.text
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
