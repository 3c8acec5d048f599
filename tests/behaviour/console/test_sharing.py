"""Reports that leave the console: a share link, which readers without an account open, and files."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.behaviour.console.conftest import Open, analysed, assert_clean
from tests.behaviour.system import System
from tests.fixtures.browser import Visit, visiting

SHARE = re.compile(r"^Share\b")
type Read = Callable[[str], Visit]


@pytest.fixture
def read_link(chromium: Browser) -> Iterator[Read]:
    """Open an address in a fresh browser context, which knows no session."""
    with ExitStack() as visits:

        def read(url: str) -> Visit:
            visit = visits.enter_context(visiting(chromium))
            visit.page.goto(url)
            return visit

        yield read


def create_link(page: Page) -> str:
    """Create a share link in the console and return it."""
    page.get_by_role("button", name=SHARE).click()
    page.get_by_role("button", name="Create a link").click()
    return page.get_by_label("Link to the report").input_value()


def test_a_link_shows_the_report_to_readers_without_an_account(
    system: System, open_console: Open, read_link: Read
) -> None:
    link = create_link(open_console(path=analysed(system)).page)
    visit = read_link(link)

    expect(visit.page.get_by_role("heading", name="Why we say so")).to_be_visible()
    visit.page.locator(".numbered .cite").first.click()
    expect(visit.page.locator(".numbered .evidence").first).to_contain_text("Measured")
    assert visit.page.locator(".report-side").count() == 0
    token = link.split("#")[1]
    assert [one.url for one in visit.requests if token in one.url] == [f"{system.stack.ready.api}/api/shared/{token}/"]
    assert not any("authorization" in one.headers for one in visit.requests)
    assert_clean(visit, system)


def test_a_link_is_shown_once_and_is_replaced_and_revoked(system: System, open_console: Open, read_link: Read) -> None:
    page = open_console(path=analysed(system)).page
    first = create_link(page)
    page.reload()
    page.get_by_role("button", name=SHARE).click()
    expect(page.get_by_role("dialog")).to_contain_text("A link to this report exists.")
    assert page.get_by_label("Link to the report").count() == 0

    page.get_by_role("button", name="Replace the link").click()
    second = page.get_by_label("Link to the report").input_value()
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_role("dialog")).to_contain_text("The link was revoked.")

    assert first != second
    for link in (first, second):
        visit = read_link(link)
        expect(visit.page.get_by_role("heading", name="This link shows no report")).to_be_visible()


def test_an_incomplete_link_is_said_in_words_and_asks_no_api(system: System, read_link: Read) -> None:
    visit = read_link(f"{system.stack.ready.api}/console/shared")

    expect(visit.page.get_by_role("heading", name="This link shows no report")).to_be_visible()
    assert not [one.url for one in visit.requests if "/api/" in one.url]


def test_a_report_is_saved_as_the_file_that_the_api_makes(system: System, open_console: Open) -> None:
    path = analysed(system)
    page = open_console(path=path).page
    request_id = path.rsplit("/", 1)[1]
    expected = system.api.get(f"/api/analysis/requests/{request_id}/export/?format=json")

    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as found:
        page.get_by_role("button", name="JSON").click()

    assert found.value.suggested_filename == _name_of(expected)
    assert json.loads(found.value.path().read_bytes()) == expected.json()


def _name_of(reply: httpx.Response) -> str:
    return reply.headers["content-disposition"].split('"')[1]
