"""Chromium for the tests of a file, and visits of a signed-in user."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.behaviour import posts
from tests.behaviour.system import System
from tests.fixtures.browser import Visit, running_chromium, visiting
from tests.fixtures.waits import WAIT_S

expect.set_options(timeout=WAIT_S * 1000)
type Open = Callable[..., Visit]
type Read = Callable[[str], Visit]
SHARE = re.compile(r"^Share\b")
"""The name of the button, which also says whether a link exists."""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; it ends with this folder, because its event loop would disturb other tests of the process."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def open_console(chromium: Browser, system: System) -> Iterator[Open]:
    """Open the console, signed in by its link as the test's user."""
    with ExitStack() as visits:

        def open_one(*, path: str = "", width: int = 1440, prefix: str = "") -> Visit:
            visit = visits.enter_context(visiting(chromium, width=width))
            if prefix:
                serve_below(visit, system, prefix)
            visit.page.goto(f"{system.stack.ready.api}{prefix}/console/#token={token_of(system)}")
            visit.page.wait_for_selector(".bar")
            if path:
                visit.page.evaluate("(path) => { location.hash = path }", path)
            return visit

        yield open_one


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


def token_of(system: System) -> str:
    """Return the session token of the test's user."""
    return system.api.headers["Authorization"].removeprefix("Bearer ")


def analysed(system: System, kind: str = "x-picture") -> str:
    """Return the address in the console of a finished analysis."""
    return f"/requests/{system.analyse(posts.publish(system, kind).url)['id']}"


def assert_clean(visit: Visit, system: System) -> None:
    """Assert that the page reported nothing, and asked our API and Storage only."""
    allowed = {urlsplit(system.stack.ready.api).netloc, urlsplit(system.stack.ready.stand_ins).netloc}
    assert visit.errors == []
    assert visit.violations() == []
    assert visit.hosts() <= allowed


def serve_below(visit: Visit, system: System, prefix: str) -> None:
    """Serve the system below a prefix, as the stage of API Gateway does. Other paths do not exist."""
    address = system.stack.ready.api
    visit.page.route(f"{address}/**", lambda route: route.fulfill(status=403, body="Missing Authentication Token"))
    visit.page.route(
        f"{address}{prefix}/**",
        lambda route: route.fulfill(response=route.fetch(url=route.request.url.replace(prefix, "", 1))),
    )
