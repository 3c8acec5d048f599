"""The console follows progress in Chromium: by Supabase Realtime, and by our stream over two processes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import HttpUrl, SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from functions.api.settings import ApiSettings
from local.database import product
from local.database.postgres import Postgres
from tests.factories import create_post, create_request, create_status
from tests.fixtures.browser import Visit, running_chromium, visiting
from tests.fixtures.database import run_script
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.api.conftest import SignedIn
from tests.functions.api.streams.conftest import ROOT, StreamProcess
from tests.functions.api.streams.load_balancer import load_balancer
from tests.realtime.server import realtime_server
from tools.migrate import migrate
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.core.database import build_engine

SHIM = ROOT / "tests" / "fixtures" / "supabase_shim.sql"
KEY = "sb_publishable_invented"
TIMEOUT_MS = WAIT_S * 1000

type Follow = Callable[..., Visit]


@pytest.fixture(scope="module")
def supabase(postgres: Postgres, template: str) -> Iterator[str]:
    """The name of a database set up as on Supabase."""
    product.create_database(postgres, "console_realtime")
    run_script(postgres.url_of("console_realtime"), SHIM.read_text())
    migrate(postgres.url_of("console_realtime"))
    yield "console_realtime"
    product.drop_database(postgres, "console_realtime")


@pytest.fixture(scope="module")
def api_engine(postgres: Postgres, supabase: str) -> Iterator[Engine]:
    engine = build_engine(product.app_url(postgres, supabase), pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def realtime_url(postgres: Postgres, supabase: str) -> Iterator[str]:
    owner = build_engine(postgres.url_of(supabase), pool_size=4)
    with realtime_server(owner) as url:
        yield url
    owner.dispose()


@pytest.fixture
def settings(settings: ApiSettings, postgres: Postgres, supabase: str) -> ApiSettings:
    return settings.model_copy(update={"supabase_db_url": SecretStr(product.app_url(postgres, supabase))})


@pytest.fixture
def running_request(rows: Session, free_user: SignedIn) -> PostAnalysisRequest:
    """A running request of the user with one step."""
    request = create_request(rows, free_user.user, [create_post(rows)], status=RequestStatus.PROCESSING)
    write_step(rows, request, "Fetching 1 post")
    return request


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def follow(
    chromium: Browser, stand_ins: StandInsClient, free_user: SignedIn, running_request: PostAnalysisRequest
) -> Iterator[Follow]:
    """Return a function that opens the request in the console of an address. Realtime refuses tokens without a role."""
    with ExitStack() as visits:

        def follow(address: str, *, role: str | None = "authenticated") -> Visit:
            claims = {"sub": free_user.user.clerk_user_id} | ({"role": role} if role else {})
            token = stand_ins.token(str(free_user.user.email), overrides=claims)["token"]
            visit = visits.enter_context(visiting(chromium))
            visit.page.goto(f"{address}/console/#token={token}")
            visit.page.evaluate("(path) => { location.hash = path }", f"/requests/{running_request.id}")
            expect(visit.page.locator(".progress-now")).to_have_text("Fetching 1 post", timeout=TIMEOUT_MS)
            return visit

        yield follow


def write_step(rows: Session, request: PostAnalysisRequest, message: str, stage: Stage = Stage.FETCHING_POSTS) -> None:
    create_status(rows, request, stage=stage, message=message)
    rows.commit()


def end(rows: Session, request: PostAnalysisRequest) -> None:
    request.status = RequestStatus.COMPLETED
    write_step(rows, request, "All posts are explained.", Stage.ANALYSIS_COMPLETE)


def expect_step(page: Page, message: str) -> None:
    expect(page.locator(".progress-now")).to_have_text(message, timeout=TIMEOUT_MS)


def expect_end(page: Page) -> None:
    expect(page.locator(".progress")).to_have_count(0, timeout=TIMEOUT_MS)


def streams_of(visit: Visit) -> list[str | None]:
    """Return the id after which each event stream of the page continued."""
    opened = [one for one in visit.requests if one.url.endswith("/events/")]
    return [one.headers.get("last-event-id") for one in opened]


def test_progress_comes_by_realtime_where_it_is_configured(
    settings: ApiSettings,
    start_stream: Callable[..., StreamProcess],
    realtime_url: str,
    follow: Follow,
    rows: Session,
    running_request: PostAnalysisRequest,
) -> None:
    server = start_stream(with_realtime(settings, realtime_url))
    visit = follow(server.base_url)
    for number in (2, 3):
        write_step(rows, running_request, f"step {number}")
        expect_step(visit.page, f"step {number}")
    end(rows, running_request)

    expect_end(visit.page)
    assert streams_of(visit) == []
    assert (visit.errors, visit.violations()) == ([], [])


def test_our_stream_replaces_a_realtime_that_refuses(
    settings: ApiSettings,
    start_stream: Callable[..., StreamProcess],
    realtime_url: str,
    follow: Follow,
    rows: Session,
    running_request: PostAnalysisRequest,
) -> None:
    visit = follow(start_stream(with_realtime(settings, realtime_url)).base_url, role=None)
    write_step(rows, running_request, "step 2")
    expect_step(visit.page, "step 2")
    end(rows, running_request)

    expect_end(visit.page)
    assert len(streams_of(visit)) == 1


def test_progress_continues_when_the_process_that_sends_it_is_killed(
    start_stream: Callable[..., StreamProcess],
    follow: Follow,
    rows: Session,
    running_request: PostAnalysisRequest,
) -> None:
    first, second = start_stream(), start_stream()
    ports = [port for one in (first, second) if (port := urlsplit(one.base_url).port)]
    with load_balancer(ports) as port:
        visit = follow(f"http://127.0.0.1:{port}")
        wait_until(lambda: streams_of(visit) == [None])
        write_step(rows, running_request, "step 2")
        expect_step(visit.page, "step 2")

        first.process.kill()
        write_step(rows, running_request, "step 3")
        expect_step(visit.page, "step 3")
        end(rows, running_request)

        expect_end(visit.page)
        assert streams_of(visit)[:2] == [None, "2"]


def with_realtime(settings: ApiSettings, realtime_url: str) -> ApiSettings:
    address = HttpUrl(f"http://{urlsplit(realtime_url).netloc}")
    return settings.model_copy(update={"supabase_url": address, "supabase_publishable_key": KEY})
