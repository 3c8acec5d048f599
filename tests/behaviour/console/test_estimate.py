"""The estimate on the first page: what a call would use and cost, and why the plan would refuse it."""

from playwright.sync_api import expect

from tests.behaviour.console.conftest import Open
from tests.behaviour.system import System

ADDRESSES = "Addresses of posts"


def test_what_an_analysis_uses_and_costs_is_said_before_it_starts(system: System, open_console: Open) -> None:
    page = open_console().page
    page.get_by_role("textbox", name=ADDRESSES).fill(
        "https://x.com/a/status/1\nhttps://www.youtube.com/watch?v=abcdefghijk"
    )

    estimate = page.locator(".estimate")
    expect(estimate).to_contain_text("Uses 1 of 500 analyses left on X, 1 of 500 analyses left on YouTube.")
    expect(estimate).to_contain_text("at most $")
    assert system.api.get("/api/analysis/requests/").json()["count"] == 0


def test_a_call_that_the_plan_would_refuse_is_named_before_it_is_sent(open_console: Open) -> None:
    page = open_console().page
    urls = [f"https://x.com/a/status/{number}" for number in range(1, 52)]
    page.get_by_role("textbox", name=ADDRESSES).fill(" ".join(urls))

    expect(page.locator(".estimate")).to_contain_text("51 posts; your plan takes 50 in one call.")
    expect(page.locator(".estimate").get_by_role("link", name="Compare plans")).to_be_visible()


def test_an_address_that_is_no_post_is_named_before_it_is_sent(open_console: Open) -> None:
    page = open_console().page
    page.get_by_role("textbox", name=ADDRESSES).fill("https://x.com/a/status/1 https://example.com/some/page")

    expect(page.locator(".estimate")).to_contain_text("https://example.com/some/page: Only Instagram, X and YouTube")


def test_the_newest_entry_is_estimated(open_console: Open) -> None:
    visit = open_console()
    field = visit.page.get_by_role("textbox", name=ADDRESSES)
    field.fill("https://x.com/a/status/1")
    field.fill("@invented_kites")

    expect(visit.page.locator(".estimate")).to_contain_text("left on YouTube and 1 of 50 handles.")
    asked = [one.post_data_json for one in visit.requests if one.url.endswith("/estimate/")]
    assert asked[-1] == {"handle": "@invented_kites", "platform": "youtube", "posts": 1}
