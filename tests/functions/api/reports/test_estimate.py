"""Estimates: what a call would need, said by the rules of `analyze/` and without any of its effects."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_usage
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.analysis.estimate.costs import CostTable
from whyviral.core.clock import day_of, utc_now
from whyviral.social.models import PlatformRow
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.prices import PRICES, PriceTable

X, YOUTUBE = "https://x.com/jack/status/{}", "https://www.youtube.com/watch?v=dQw4w9WgXc{}"
NOW = utc_now()


@pytest.fixture
def ask(client: TestClient, free_user: SignedIn) -> Callable[..., dict[str, Any]]:
    """Return a function that estimates a body of the user and returns the answer."""

    def ask(**body: Any) -> dict[str, Any]:
        reply = client.post("/api/analysis/estimate/", json=body, headers=free_user.headers)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    return ask


@pytest.fixture
def switched_off(rows: Session) -> Iterator[None]:
    """YouTube, switched off."""

    def switch(*, is_active: bool) -> None:
        rows.execute(update(PlatformRow).where(PlatformRow.slug == "youtube").values(is_active=is_active))
        rows.commit()

    switch(is_active=False)
    yield
    switch(is_active=True)


def test_posts_are_counted_by_platform_once_and_compared_with_what_is_left(
    ask: Callable[..., dict[str, Any]], rows: Session, free_user: SignedIn
) -> None:
    create_usage(rows, free_user.user, usage_date=day_of(NOW), platform="x", url_lookups=8)
    rows.commit()

    answer = ask(post_urls=[X.format(1), X.format(1) + "?s=20", X.format(2), YOUTUBE.format("Q")])

    needed = [(each["platform"], each["analyses_needed"], each["analyses_left"]) for each in answer["platforms"]]
    assert needed == [("x", 2, 2), ("youtube", 1, 10)]
    assert (answer["is_allowed"], answer["refusals"], answer["urls_needed"], answer["max_urls"]) == (True, [], 3, 5)


def test_bad_urls_are_listed_with_their_reasons_and_do_not_hide_the_rest(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(post_urls=["https://x.com/jack", X.format(1), "no link", "https://evil.example/1"])

    assert [(bad["url"], bad["reason"]) for bad in answer["bad_urls"]] == [
        ("https://x.com/jack", "not_a_post"),
        ("no link", "not_a_url"),
        ("https://evil.example/1", "unsupported_host"),
    ]
    assert (answer["refusals"], answer["urls_needed"]) == (["invalid_post_urls"], 1)


def test_bad_urls_alone_need_nothing(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(post_urls=["no link"])

    assert (answer["platforms"], answer["urls_needed"], answer["usual_usd"], answer["max_usd"]) == ([], 0, 0.0, 0.0)


def test_a_handle_needs_a_handle_and_its_posts(
    ask: Callable[..., dict[str, Any]], rows: Session, free_user: SignedIn
) -> None:
    first = ask(handle="@jack", platform="x", posts=4)
    create_usage(rows, free_user.user, usage_date=day_of(NOW), platform="x", handle_analyses=1)
    rows.commit()
    second = ask(handle="@jack", platform="x")

    (platform,) = first["platforms"]
    assert (platform["analyses_needed"], platform["handles_needed"], platform["handles_left"]) == (4, 1, 1)
    assert (first["refusals"], second["refusals"]) == ([], ["usage_limit_reached"])
    assert second["urls_needed"] == 3


@pytest.mark.parametrize("used", [9, 10], ids=["at the limit", "over the limit"])
def test_an_estimate_is_refused_exactly_where_analyze_refuses(
    client: TestClient, ask: Callable[..., dict[str, Any]], rows: Session, free_user: SignedIn, used: int
) -> None:
    create_usage(rows, free_user.user, usage_date=day_of(NOW), platform="x", url_lookups=used)
    rows.commit()

    answer = ask(post_urls=[X.format(1)])
    started = client.post("/api/analysis/analyze/", json={"post_urls": [X.format(1)]}, headers=free_user.headers)

    expected = (202, []) if used == 9 else (403, ["usage_limit_reached"])
    assert (started.status_code, answer["refusals"]) == expected
    assert expected[0] == 202 or started.json()["code"] == answer["refusals"][0]


def test_more_urls_than_the_plan_allows_in_one_call_are_refused(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(post_urls=[X.format(number) for number in range(1, 7)])

    assert (answer["refusals"], answer["is_allowed"]) == (["max_urls_exceeded"], False)


@pytest.mark.usefixtures("switched_off")
def test_a_platform_that_is_switched_off_is_named(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(post_urls=[X.format(1), YOUTUBE.format("Q")])

    assert answer["refusals"] == ["platform_unavailable"]
    assert [(each["platform"], each["is_active"]) for each in answer["platforms"]] == [("x", True), ("youtube", False)]


def test_the_costs_are_those_of_the_price_table_and_of_the_limit(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(post_urls=[X.format(1), X.format(2), YOUTUBE.format("Q")])

    costs = {each["platform"]: (each["usual_usd"], each["max_usd"]) for each in answer["platforms"]}
    answer_usd = Decimal("0.75") * 20 / 1000 + Decimal("3.75") * 4 / 1000
    post_usd = Decimal("0.00001") * 15 * 61
    assert costs == {"x": (float(2 * (answer_usd + post_usd)), 5.0), "youtube": (float(answer_usd), 5.0)}
    assert (answer["usual_usd"], answer["max_usd"]) == (float(3 * answer_usd + 2 * post_usd), 10.0)


def test_an_unknown_price_is_not_estimated(app: FastAPI, ask: Callable[..., dict[str, Any]]) -> None:
    unknown = CostTable(PRICES, "gemini", "gemini-99", Decimal(5))
    replace_services(app, costs=unknown)

    answer = ask(post_urls=[X.format(1)])

    assert (answer["usual_usd"], answer["platforms"][0]["usual_usd"], answer["max_usd"]) == (None, None, 5.0)


@pytest.mark.parametrize(("provider", "model"), [("measured", None), ("self_hosted", "llama")])
def test_without_a_billed_model_only_reading_costs(provider: str, model: str | None) -> None:
    costs = CostTable(PRICES, provider, model, Decimal(5))

    assert costs.usual_usd(Platform.YOUTUBE, 3, on=day_of(NOW)) == 0
    assert costs.usual_usd(Platform.INSTAGRAM, 1, on=day_of(NOW)) == Decimal("0.003")
    assert CostTable(PriceTable({}), provider, model, Decimal(5)).usual_usd(Platform.X, 1, on=day_of(NOW)) is None


def test_an_estimate_changes_no_row_and_calls_no_vendor(
    ask: Callable[..., dict[str, Any]],
    count_rows: Callable[[], dict[str, int]],
    workflow: FakeWorkflow,
    stand_ins: StandInsClient,
) -> None:
    ask(post_urls=[X.format(1)])
    before, calls = count_rows(), stand_ins.all_calls()

    for _ in range(25):  # more than `analyze/` allows in an hour
        ask(post_urls=[X.format(1)])
    ask(handle="@jack", platform="x")

    assert count_rows() == before
    assert (workflow.started, stand_ins.all_calls()) == ([], calls)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"post_urls": []}, "invalid_request"),
        ({"post_urls": [X.format(1)], "handle": "@jack"}, "invalid_request"),
        ({"post_urls": [X.format(1)], "price": 0}, "invalid_request"),
        ({"post_urls": ["x"] * 101}, "too_many_urls"),
        ({"handle": "not a handle!", "platform": "x"}, "invalid_handle"),
        ({"handle": "@jack", "platform": "x", "posts": 6}, "invalid_request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "empty",
)
def test_a_bad_body_is_refused_as_by_analyze(
    client: TestClient, free_user: SignedIn, body: dict[str, Any], code: str
) -> None:
    replies = [
        client.post(f"/api/analysis/{route}/", json=body, headers=free_user.headers)
        for route in ("estimate", "analyze")
    ]

    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(422, code)] * 2


def test_a_user_without_a_plan_gets_no_estimate(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    reply = client.post(
        "/api/analysis/estimate/", json={"post_urls": [X.format(1)]}, headers=sign_in(plan=None).headers
    )

    assert (reply.status_code, reply.json()["code"]) == (403, "no_current_plan")
