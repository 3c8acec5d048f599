"""Fixtures for tests of the admin panel. The database keeps committed rows, so each test has its own users."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.admin.app import create_app
from functions.admin.guard import AdminGuard
from functions.admin.settings import AdminSettings
from local.database import product
from local.database.postgres import Postgres
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY
from local.stand_ins.dodo.account import API_KEY
from tests.factories import create_subscription, create_user
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from whyviral.accounts.models import User
from whyviral.admin.models import AdminAction
from whyviral.core.database import build_engine
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.throttling.models import RateWindow

HOST = "api.example.com"
PREFIX = "/live"
ORIGIN = f"https://{HOST}"
SECRET = "an invented secret of enough characters"


@dataclasses.dataclass(slots=True)
class Panel:
    """The panel as a browser sees it, below the stage's name."""

    client: TestClient
    user: User | None = None
    csrf_token: str = ""

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Open an address below `/admin`."""
        return self.client.get(f"/admin{path}", **options)

    def post(
        self, path: str, *, token: str | None = None, origin: str | None = ORIGIN, **fields: str
    ) -> httpx2.Response:
        """Send a form as a page of the session does; `token` and `origin` replace what the page would send."""
        headers = {} if origin is None else {"Origin": origin}
        form = fields | {"csrf_token": self.csrf_token if token is None else token}
        return self.client.post(f"/admin{path}", data=form, headers=headers)


@pytest.fixture(scope="session")
def admin_database_url(postgres: Postgres, template: str) -> str:
    """The database that all tests of the panel share."""
    product.create_database(postgres, "admin", template=template)
    return product.app_url(postgres, "admin")


@pytest.fixture(scope="session")
def admin_engine(admin_database_url: str) -> Iterator[Engine]:
    """The engine for rows that a test writes and reads beside the panel."""
    engine = build_engine(admin_database_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def rows(admin_engine: Engine) -> Iterator[Session]:
    """A session for the test's own rows, which the test commits."""
    with Session(admin_engine, expire_on_commit=False) as session:
        session.query(RateWindow).delete()
        session.commit()
        yield session


@pytest.fixture(scope="session")
def settings(admin_database_url: str) -> AdminSettings:
    return AdminSettings(
        supabase_db_url=SecretStr(admin_database_url),
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        admin_cookie_secret=SecretStr(SECRET),
        state_machine_arn="arn:aws:states:eu-central-1:000000000000:stateMachine:fake",
        webhook_queue_url="https://sqs.example.com/webhooks",
        dodo_api_key=SecretStr(API_KEY),
        dodo_mode=DodoMode.TEST,
        public_base_url=HttpUrl(f"{ORIGIN}{PREFIX}"),
        allowed_hosts=(HOST,),
    )


@pytest.fixture
def workflow() -> FakeWorkflow:
    return FakeWorkflow()


@pytest.fixture
def queue() -> FakeEventQueue:
    return FakeEventQueue()


@pytest.fixture(scope="session")
def built(settings: AdminSettings) -> Iterator[AdminGuard]:
    """The application, built once, because its templates take longer than most tests."""
    guard = create_app(settings)
    yield guard
    guard.services.engine.dispose()


@pytest.fixture
def app(built: AdminGuard, workflow: FakeWorkflow, queue: FakeEventQueue, local_endpoints: Endpoints) -> AdminGuard:
    verifier = SessionTokenVerifier(CLERK_STAND_IN_PUBLISHABLE_KEY)  # it takes the address of the stand-in's keys
    return built.with_services(verifier=verifier, workflow=workflow, queue=queue)


@pytest.fixture
def visitor(app: AdminGuard) -> Iterator[Panel]:
    """The panel for a caller who is not signed in."""
    with TestClient(app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False) as client:
        yield Panel(client)


@pytest.fixture
def token_of(stand_ins: StandInsClient) -> Callable[[User], str]:
    """Return a function that returns a session token of a user."""
    return lambda user: stand_ins.token(str(user.email), overrides={"sub": user.clerk_user_id})["token"]


@pytest.fixture
def panel(visitor: Panel, rows: Session, token_of: Callable[[User], str]) -> Panel:
    """The panel for a signed-in administrator. The test client sends the cookie, whose path has the stage's name."""
    user = create_user(rows, is_admin=True)
    create_subscription(rows, user)
    rows.commit()
    sign_in(visitor, token_of(user))
    visitor.user = user
    (visitor.csrf_token,) = re.findall(r'name="csrf_token" value="([^"]+)"', visitor.get("/home").text)[:1]
    return visitor


def sign_in(panel: Panel, token: str) -> httpx2.Response:
    """Sign in with a token and keep the cookie, as a browser does at the public address."""
    reply = panel.client.post("/admin/sign-in", data={"token": token}, headers={"Origin": ORIGIN})
    cookie = re.match(r"whyviral_admin=([^;]*)", reply.headers.get("set-cookie", ""))
    if cookie:
        panel.client.cookies.clear()  # of the one whose path has the stage's name, which is not in a test's addresses
        panel.client.cookies.set("whyviral_admin", cookie[1], domain=HOST)
    return reply


@pytest.fixture
def list_actions(rows: Session) -> Callable[[], list[AdminAction]]:
    """Return a function that returns the recorded actions about a row, oldest first."""

    def list_actions(target_id: Any) -> list[AdminAction]:
        rows.expire_all()
        found = select(AdminAction).where(AdminAction.target_id == target_id).order_by(AdminAction.created_at)
        actions = list(rows.scalars(found))
        rows.rollback()
        return actions

    return list_actions  # type: ignore[return-value]
