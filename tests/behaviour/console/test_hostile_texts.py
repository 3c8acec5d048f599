"""Hostile texts in every place where the console shows what others wrote. None of them may run."""

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Route, expect

from tests.behaviour import posts
from tests.behaviour.console.conftest import Open
from tests.behaviour.system import System
from tests.fixtures.browser import Visit

ATTACKS = (
    "<script>RUN</script>",
    "<img src=x onerror=RUN>",
    "<svg onload=RUN>",
    "<svg><script>RUN</script></svg>",
    "<iframe srcdoc='<script>RUN</script>'></iframe>",
    "<iframe src='javascript:RUN'></iframe>",
    "<object data='javascript:RUN'></object>",
    "<a href='javascript:RUN' autofocus>x</a>",
    "<details open ontoggle=RUN>x</details>",
    "<video><source onerror=RUN></video>",
    "<body onload=RUN>",
    "<math><mi xlink:href='javascript:RUN'>x</mi></math>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<link rel=stylesheet href='http://evil.example/x.css'>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<form action='http://evil.example/'><button autofocus>x</button></form>",
    "[click](javascript:RUN)",
    "![x](http://evil.example/x.png)",
    "javascript:RUN",
    "data:text/html,<script>RUN</script>",
    "${RUN}",
    "{{constructor.constructor('RUN')()}}",
    "\u202eRUN\u202c <b>gnp.exe",
    "\u0000\ufffe\ud83d <b onclick=RUN>",
)
WRAPPERS = ("{}", '">{}', "'>{}", "</textarea>{}", "</title>{}", "--><!-- {}", "[F1] {} [inference]", "\u2067{}\u200f")
PAYLOADS = tuple(
    wrapper.format(attack.replace("RUN", "window.hasRun=true,alert(1)"))
    for attack, wrapper in itertools.product(ATTACKS, WRAPPERS)
)
KEPT = frozenset(
    {
        *("id", "status", "state", "stage", "platform", "kind", "created_at", "updated_at", "posted_at", "fetched_at"),
        *("measured_at", "finished_at", "post_id", "media_id", "supabase_url", "thumbnail_url", "confidence", "rule"),
        *("role", "next", "previous", "resets_at", "date", "post_analysis_id", "analysis_request_id", "evidence"),
        *("transcript_source", "unit", "name", "failing_since"),
    }
)
"""Fields whose values we choose: enums, ids, times, names of facts, and addresses that Storage gave."""


ENDPOINT = {
    "id": "1",
    "url": "https://hooks.example.com/",
    "description": "staging",
    "events": ["analysis.completed"],
    "is_enabled": True,
    "disabled_reason": "It failed for 5 days.",
    "failing_since": "2026-11-28T12:00:00Z",
}
DELIVERY = {
    "id": "2",
    "type": "analysis.completed",
    "state": "FAILED",
    "attempts": 8,
    "created_at": "2026-11-28T12:00:00Z",
    "attempt_log": [{"status": 500, "error": "The endpoint answered 500."}],
}
PAGE = {"count": 1, "next": None, "previous": None}
INVENTED: dict[str, Any] = {
    "/api/webhooks/endpoints/": PAGE | {"results": [ENDPOINT]},
    "/api/webhooks/endpoints/1/deliveries/": PAGE | {"results": [DELIVERY]},
}
"""Answers about an endpoint, which has to be on a public host to be created."""


OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"


def hostile(data: Any, payloads: Iterator[str], field: str = "") -> Any:
    """Return the data with another payload in every text that others may have written."""
    if isinstance(data, dict):
        return {name: hostile(value, payloads, name) for name, value in data.items()}
    if isinstance(data, list):
        return [hostile(value, payloads, field) for value in data]
    if isinstance(data, str) and field not in KEPT and "/storage/v1/object/" not in data:
        return next(payloads)
    return data


def add_panels(system: System, request: dict[str, Any]) -> None:
    """Add a note and a conversation about the analysis, and an endpoint, so that their texts are shown."""
    [analysis] = request["post_analyses"]
    note = {"post_analysis_id": analysis["id"], "title": "A note", "content": "Its text"}
    system.api.post("/api/analysis/notes/save/", json=note).raise_for_status()
    session = system.api.post("/api/analysis/chat/sessions/", json={"post_analysis_id": analysis["id"]})
    messages = f"/api/analysis/chat/sessions/{session.raise_for_status().json()['id']}/messages/"
    system.api.post(messages, json={"content": "Why?"}).raise_for_status()


def test_none_of_200_payloads_runs_wherever_the_console_shows_it(system: System, open_console: Open) -> None:
    request = system.analyse(posts.publish(system, "x-video").url)
    assert len(PAYLOADS) == 200
    path = f"/requests/{request['id']}"
    add_panels(system, request)
    link = system.api.post(f"/api/analysis{path}/share/").raise_for_status().json()["url"]
    visit = open_console()
    page = visit.page
    used: set[str] = set()

    def take() -> Iterator[str]:
        for payload in itertools.cycle(PAYLOADS):
            used.add(payload)
            yield payload

    payloads = take()

    def answer(route: Route) -> None:
        if route.request.method != "GET" or "/events/" in route.request.url:
            route.continue_()
            return
        asked = urlsplit(route.request.url).path
        data = INVENTED[asked] if asked in INVENTED else route.fetch().json()
        route.fulfill(body=json.dumps(hostile(data, payloads)), content_type="application/json")

    page.route("**/api/**", answer)
    while len(used) < len(PAYLOADS):
        page.reload()
        page.wait_for_selector("h1")
        for view in ("/", "/history", "/notes", "/usage", "/plan", "/settings", path):
            page.evaluate("(path) => { location.hash = path }", view)
            page.wait_for_load_state("networkidle")
            page.evaluate(OPEN_ALL)
        expect(page.locator(".report")).to_be_visible()
        for mark in page.locator(".cite").all()[:8]:
            mark.click()
    places = {place: page.locator(place).count() for place in (".message", ".note-form")}
    assert places == {".message": 2, ".note-form": 1}
    assert_nothing_ran(visit)

    page.goto(link)
    expect(page.locator(".report")).to_be_visible()
    page.evaluate(OPEN_ALL)
    assert_nothing_ran(visit)


def assert_nothing_ran(visit: Visit) -> None:
    """Assert that the page shows payloads as text only."""
    page = visit.page
    assert page.evaluate("window.hasRun") is None
    assert (visit.dialogs, visit.errors, visit.violations()) == ([], [], [])
    assert not [host for host in visit.hosts() if "evil" in host]
    assert page.locator(".content :is(script, iframe, object, base, style, form[action])").count() == 0
    assert page.locator("a[href^='javascript:'], a[href^='data:']").count() == 0
