"""Requests from the URL to the analysis, through the whole system."""

import dataclasses
import re
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import select

from local.aws.template import read_template
from local.stack.clerk_events import send_sample
from local.stack.system import ROOT
from local.terminal.api_client import ApiClient, CallRefused
from tests.behaviour.posts import publish
from tests.behaviour.recovery.fast_template import fast_template
from tests.behaviour.system import System
from tests.fixtures.waits import wait_until
from whyviral.analysis.explanation.prompt import PROMPT_VERSION
from whyviral.core.database import build_engine, session_scope
from whyviral.social.models import Post
from whyviral.vendor_calls.models import ExternalApiCallLog

JACK = "https://x.com/jack/status/20"


def test_a_real_post_is_analysed_with_measured_facts(system: System) -> None:
    request = system.analyse(JACK)

    assert (request["status"], request["progress"], request["error"]) == ("COMPLETED", 100, None)
    assert [step["stage"] for step in request["status_history"]] == [
        "request_created",
        "fetching_posts",
        "social_data_fetched",
        "collecting_media",
        "displaying_content",
        "analysing",
        "analysing",
        "analysis_complete",
    ]
    [analysis] = request["post_analyses"]
    assert analysis["is_viral"] is True
    assert len(analysis["suggestions_for_future_posts"]) == 4
    assert 3 <= len(analysis["quick_takeaways"]) <= 5
    used = analysis["metadata_used"]
    assert used["stand_ins"] == ["post", "model"]
    assert used["prompt_version"] == PROMPT_VERSION
    assert {"likes", "post_hour", "hook_text"} <= {fact["name"] for fact in used["facts"]}
    assert used["verdict"]["rule"] in ("v0.1", "v1")
    [post] = system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    assert (post["username"], post["content"]) == ("jack", "just setting up my twttr")
    assert post["posted_at"].startswith("2006-03-21T20:50:14")
    assert (post["transcript"], post["has_speech"], post["media"]) == (None, None, [])


def test_the_second_analysis_of_a_post_makes_no_scraping_call(system: System) -> None:
    url = system.publish("1700000000000000001")
    system.analyse(url)
    scraped = len(system.calls("twitterapi"))
    system.analyse(url + "?s=20")

    assert len(system.calls("twitterapi")) == scraped
    assert len(system.calls("gemini")) == 2


@pytest.mark.parametrize(
    ("kind", "vendor", "paths"),
    [
        ("x", "twitterapi", {"/twitter/tweets", "/twitter/tweet/replies/v2"}),
        ("instagram", "brightdata", {"/datasets/v3/trigger"}),
        ("youtube", "youtube", {"/www/youtubei/v1/player"}),
    ],
)
def test_a_new_post_in_two_concurrent_requests_is_paid_for_once(
    system: System, kind: str, vendor: str, paths: set[str]
) -> None:
    url = publish(system, kind).url
    with system.user("somebody-else@whyviral.example") as other, ThreadPoolExecutor(2) as callers:
        both = [system, dataclasses.replace(system, api=other)]
        requests = list(callers.map(lambda each: each.analyse(url), both))

    asked = Counter(call["path"] for call in system.calls(vendor))
    assert [request["status"] for request in requests] == ["COMPLETED"] * 2
    assert {path: asked[path] for path in paths} == dict.fromkeys(paths, 1)


def test_the_cost_of_a_request_is_the_sum_of_its_logged_calls(system: System) -> None:
    request = system.analyse(system.publish("1700000000000000011"), system.publish("1700000000000000012"))

    engine = build_engine(system.stack.ready.database_url)
    with session_scope(engine) as session:
        costs = session.scalars(
            select(ExternalApiCallLog.cost_usd).where(ExternalApiCallLog.analysis_request_id == request["id"])
        ).all()
    engine.dispose()
    known = [cost for cost in costs if cost is not None]
    # One call for both posts, one for the comments on each, one model call for each.
    assert (
        len(known) == request["total_api_calls"] == len(system.calls("twitterapi")) + len(system.calls("gemini")) == 5
    )
    assert float(sum(known)) == request["cost_usd"] > 0


def test_the_local_system_runs_the_definition_that_sam_packages(system: System) -> None:
    template = fast_template()
    machine = boto3.client("stepfunctions").describe_state_machine(
        stateMachineArn=system.stack.workflow.state_machine_arn
    )

    assert machine["definition"] == template.local_definition(baseline_mode="off")
    source = read_template(ROOT / "template.yaml").state_machine.source
    assert Path(ROOT / "statemachine" / "analysis.asl.json").read_text() == source


def test_a_request_for_an_unknown_post_fails_with_a_clear_reason_and_stores_nothing(system: System) -> None:
    request = system.analyse("https://x.com/nobody/status/1799999999999999999")

    assert (request["status"], request["error_stage"], request["error_category"]) == (
        "FAILED",
        "fetching_posts",
        "not_found",
    )
    assert request["error"] == request["posts"][0]["error"]
    assert request["post_analyses"] == []
    engine = build_engine(system.stack.ready.database_url)
    with session_scope(engine) as session:
        assert session.scalar(select(Post).where(Post.platform_post_id == "1799999999999999999")) is None
    engine.dispose()


def test_a_post_that_fails_does_not_fail_the_other_posts_of_its_request(system: System) -> None:
    request = system.analyse(system.publish("1700000000000000021"), "https://x.com/nobody/status/1799999999999999998")

    assert request["status"] == "COMPLETED"
    assert request["status_history"][-1]["stage"] == "partial_success"
    assert [(post["state"], post["error_category"]) for post in request["posts"]] == [
        ("ANALYSED", None),
        ("FAILED", "not_found"),
    ]


@pytest.mark.parametrize(
    "url",
    ["https://www.instagram.com/p/CtnPcJU8aWK/", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"],
)
def test_a_post_that_its_platform_does_not_return_is_not_found(system: System, url: str) -> None:
    request = system.analyse(url)

    assert (request["status"], request["error_category"]) == ("FAILED", "not_found")


def test_the_demo_prints_why_a_url_is_rejected(system: System) -> None:
    with pytest.raises(CallRefused, match=r"https://example\.com/post/1: Only"):
        ApiClient(system.api).analyse(["https://example.com/post/1"])


def test_only_analysed_posts_count_towards_a_users_usage(system: System) -> None:
    system.analyse(system.publish("1700000000000000025"), "https://x.com/nobody/status/1799999999999999997")
    system.analyse("https://x.com/nobody/status/1799999999999999996")

    of_x = next(
        platform
        for platform in system.api.get("/api/accounts/usage/").json()["platforms"]
        if platform["platform"] == "x"
    )
    limits = system.api.get("/api/accounts/usage/limits/").json()

    assert (of_x["url_lookups"], of_x["post_suggestions"]) == (1, 4)
    assert [platform["analyses_left"] for platform in limits["platforms"]] == [500, 499, 500]


def test_a_user_created_by_a_token_is_on_the_free_plan(system: System) -> None:
    with system.user("free@example.com") as free:
        urls = [f"https://x.com/nobody/status/{number}" for number in range(1, 7)]
        refused = free.post("/api/analysis/analyze/", json={"post_urls": urls})

        assert (refused.status_code, refused.json()["code"]) == (403, "max_urls_exceeded")
        assert free.get("/api/accounts/usage/limits/").json()["plan"] == "free"


def test_a_permanent_failure_of_a_provider_is_reported_with_its_category(system: System) -> None:
    system.control.post("/__control/faults", json={"vendor": "twitterapi", "mode": "status", "status": 402})

    request = system.analyse(system.publish("1700000000000000031"))

    assert (request["status"], request["error_stage"], request["error_category"]) == (
        "FAILED",
        "fetching_posts",
        "auth",
    )


def test_a_rate_limited_provider_is_called_again(system: System) -> None:
    fault = {"vendor": "gemini", "mode": "status", "status": 429, "times": 2, "body": _quota_error("1s")}
    system.control.post("/__control/faults", json=fault).raise_for_status()

    request = system.analyse(system.publish("1700000000000000041"))

    assert request["status"] == "COMPLETED"


def test_a_killed_worker_fails_its_post_and_is_replaced(system: System) -> None:
    system.analyse(system.publish("1700000000000000051"))
    slow = {"vendor": "gemini", "mode": "timeout", "times": 1}
    system.control.post("/__control/faults", json=slow).raise_for_status()
    accepted = system.api.post("/api/analysis/analyze/", json={"post_urls": [system.publish("1700000000000000052")]})
    wait_until(lambda: bool(system.calls("gemini")[1:]))
    for process in system.processes():
        if process.pid in system.stack.lambdas.pids("AnalyzeFunction"):
            process.send_signal(signal.SIGKILL)

    request = system.wait_for(accepted.json()["requests"][0]["id"])

    assert (request["status"], request["error_stage"], request["error_category"]) == ("FAILED", "analysing", "internal")
    system.control.post("/__control/reset")
    assert system.analyse(system.publish("1700000000000000053"))["status"] == "COMPLETED"


def test_another_user_cannot_see_a_request_or_its_posts(system: System) -> None:
    request = system.analyse(JACK)

    with system.user("other@example.com") as other:
        assert other.get(f"/api/analysis/requests/{request['id']}/").status_code == 404
        assert other.get(f"/api/social/posts/analysis/{request['id']}/").status_code == 404
        assert other.get("/api/analysis/requests/").json()["count"] == 0


def test_five_posts_take_one_scraping_call(system: System) -> None:
    urls = [system.publish(f"170000000000000006{number}") for number in range(5)]

    request = system.analyse(*urls)

    assert request["posts_processed"] == 5
    assert [call["path"] for call in system.calls("twitterapi")].count("/twitter/tweets") == 1


def test_the_logs_of_a_whole_run_hold_no_token_no_key_and_no_address(system: System) -> None:
    private = f"{uuid.uuid4().hex}@private.example"
    token = system.api.headers["Authorization"].removeprefix("Bearer ")
    proof = {"email": private, "password": "correct horse battery staple"}

    system.analyse(JACK, system.publish("1700000000000000009", text=f"Write to {private}"))
    with system.user(private) as private_user:
        private_user.post("/api/feedback/", json={"category": "bug", "text": f"I am {private}"})
    for path, body in {"signup/": {"email": private}, "login/": proof, "reset-password/": {"email": private}}.items():
        system.api.post(f"/api/accounts/{path}", json=body)
    system.api.get("/api/analysis/requests/", headers={"Authorization": f"Bearer {token[:-8]}"})
    webhook = send_sample(system.stack.ready.stand_ins, system.stack.ready.api, "user.updated", private)

    logs = {path.name: path.read_text(errors="replace") for path in system.logs.iterdir()}
    assert webhook == 200
    assert {"local.stack.api.log", "AnalyzeFunction.log", "WebhooksFunction.log"} <= logs.keys()
    assert '"message":"request"' in logs["local.stack.api.log"]
    for name, log in logs.items():
        assert token not in log, name
        assert private not in log, name
        assert re.findall(r"eyJ[\w-]{10,}|sk_test_\w+|whsec_\S+|sb_secret_\w+|postgresql://\S+", log) == [], name
        assert re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", log) == [], name


def _quota_error(delay: str) -> dict[str, Any]:
    return {
        "error": {
            "code": 429,
            "message": "quota",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}],
        }
    }
