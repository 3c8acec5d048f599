"""The list of all analyses: searched and filtered by the API, in pages."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Route, expect

from tests.behaviour import posts
from tests.behaviour.console.conftest import Open
from tests.behaviour.system import System


def test_history_is_searched_and_filtered_by_the_api(system: System, open_console: Open) -> None:
    found = system.analyse(posts.publish(system, "x-picture").url)
    failed = system.analyse("https://x.com/nobody/status/404404404")
    visit = open_console(path="/history")
    page = visit.page
    rows = page.locator(".row")
    expect(rows).to_have_count(2)

    page.get_by_label("Search names").fill(found["post_urls"][0].rsplit("/", 1)[1])
    expect(rows).to_have_count(1)
    expect(rows).to_have_attribute("href", f"#/requests/{found['id']}")

    page.get_by_role("button", name="Failed").click()
    expect(page.get_by_text("No analysis matches.")).to_be_visible()
    page.get_by_label("Search names").fill("")
    expect(rows).to_have_attribute("href", f"#/requests/{failed['id']}")

    page.get_by_role("link", name="Notes").click()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("button", name="Failed")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Platform").select_option("YouTube")
    page.get_by_role("button", name="Show all analyses").click()
    expect(rows).to_have_count(2)
    assert visit.errors == []


def test_a_long_history_is_read_page_by_page(system: System, open_console: Open) -> None:
    real = system.analyse("https://x.com/nobody/status/404404404")
    page = open_console().page

    def answer(route: Route) -> None:
        number = int(parse_qs(urlsplit(route.request.url).query)["page"][0])
        pages = {"previous": number > 1 or None, "next": number < 3 or None}
        route.fulfill(json={"count": 41, **pages, "results": [real | {"display_name": f"On page {number}"}]})

    page.route("**/api/analysis/requests/?page=*", answer)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("On page 1")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("On page 2")).to_be_visible()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    page.get_by_role("button", name="Failed").click()

    expect(page.get_by_text("On page 1")).to_be_visible()
