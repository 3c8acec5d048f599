"""The settings of programs: how to get API keys, and endpoints of webhooks."""

import re
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.behaviour.console.conftest import Open
from tests.behaviour.system import System

ADDRESS = "https://1.1.1.1/hooks"
"""On the public internet, which the API asks for. No test sends anything to it."""
DELIVERY = {
    "id": "00000000-0000-4000-8000-000000000001",
    "type": "webhook.test",
    "state": "FAILED",
    "attempts": 8,
    "created_at": "2026-11-28T12:00:00Z",
    "attempt_log": [{"at": "2026-11-28T12:00:00Z", "status": 500, "duration_ms": 3, "error": "It answered 500."}],
}


def create_endpoint(page: Page, address: str) -> None:
    page.get_by_label("Address, with https").fill(address)
    page.get_by_role("button", name="Create endpoint").click()


def endpoints_of(system: System) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = system.api.get("/api/webhooks/endpoints/").json()["results"]
    return results


def test_an_endpoint_is_created_with_a_secret_that_is_shown_once_and_is_deleted(
    system: System, open_console: Open
) -> None:
    visit = open_console(path="/settings")
    page = visit.page
    create_endpoint(page, ADDRESS)
    expect(page.get_by_label("Signing secret")).to_have_value(re.compile("^whsec_"))
    page.reload()
    expect(page.get_by_role("heading", name=ADDRESS)).to_be_visible()
    assert page.get_by_label("Signing secret").count() == 0

    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".endpoint")).to_contain_text("Disabled")
    assert [one["is_enabled"] for one in endpoints_of(system)] == [False]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There are no endpoints yet.")).to_be_visible()

    assert endpoints_of(system) == []
    assert visit.errors == []


def test_an_address_inside_the_network_is_refused_in_words(system: System, open_console: Open) -> None:
    page = open_console(path="/settings").page
    create_endpoint(page, "https://127.0.0.1/hooks")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Address, with https")).to_have_value("https://127.0.0.1/hooks")
    assert endpoints_of(system) == []


def test_a_test_is_sent_and_a_failed_delivery_is_sent_again(system: System, open_console: Open) -> None:
    body = {"url": ADDRESS, "events": ["analysis.failed"]}
    system.api.post("/api/webhooks/endpoints/", json=body).raise_for_status()
    page = open_console(path="/settings").page
    sent: list[str] = []

    def answer(route: Route) -> None:
        """Answers in place of the API, which would call the public internet."""
        if route.request.method == "POST":
            sent.append(route.request.url.rsplit("/endpoints/", 1)[1].split("/", 1)[1])
            assert route.request.headers["idempotency-key"]
            route.fulfill(status=202, json=DELIVERY)
        else:
            route.fulfill(json={"count": 1, "next": None, "previous": None, "results": [DELIVERY]})

    page.route(re.compile(r"/(test|deliveries)/"), answer)
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("row", name="webhook.test")).to_contain_text("It answered 500.")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("row", name="webhook.test")).to_be_visible()

    assert sent == ["test/", f"deliveries/{DELIVERY['id']}/redeliver/"]


def test_the_settings_say_how_to_use_an_api_key(system: System, open_console: Open) -> None:
    page = open_console(path="/settings").page

    address = f"{system.stack.ready.api}/api/analysis/requests/"
    expect(page.get_by_label("Example of a call")).to_have_value(re.compile(re.escape(f"curl '{address}' -H")))
    expect(page.get_by_text("analysis:read")).to_be_visible()
