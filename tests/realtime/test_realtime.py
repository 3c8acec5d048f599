"""Live progress through Supabase Realtime: the trigger's broadcasts, as Supabase's own client receives them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from local.database import product
from local.database.postgres import Postgres
from tests import factories
from tests.fixtures.database import run_script
from tests.realtime.server import realtime_server
from tests.template.conftest import ROOT, run_tool
from tools.migrate import migrate
from whyviral.accounts.models import User
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.core.database import build_engine, session_scope

SHIM = ROOT / "tests" / "fixtures" / "supabase_shim.sql"


@pytest.fixture(scope="module")
def supabase(postgres: Postgres, template: str) -> Iterator[str]:
    """The name of a database set up as on Supabase."""
    product.create_database(postgres, "realtime")
    run_script(postgres.url_of("realtime"), SHIM.read_text())
    migrate(postgres.url_of("realtime"))
    yield "realtime"
    product.drop_database(postgres, "realtime")


@pytest.fixture(scope="module")
def backend(postgres: Postgres, supabase: str) -> Iterator[Engine]:
    engine = build_engine(product.app_url(postgres, supabase))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def realtime_url(postgres: Postgres, supabase: str) -> Iterator[str]:
    owner = build_engine(postgres.url_of(supabase), pool_size=4)
    with realtime_server(owner) as url:
        yield url
    owner.dispose()


@pytest.fixture
def request_of(backend: Engine) -> tuple[User, PostAnalysisRequest]:
    """A user and the user's request."""
    with session_scope(backend) as session:
        user = factories.create_user(session)
        return user, factories.create_request(session, user)


def token_of(user: User, **claims: Any) -> str:
    valid = {"sub": user.clerk_user_id, "role": "authenticated", "exp": datetime.now(UTC) + timedelta(minutes=1)}
    return jwt.encode(valid | claims, "a key that this stand-in does not check", algorithm="HS256")


@pytest.fixture
def follow(realtime_url: str) -> Iterator[Callable[[str, str], Iterator[dict[str, Any]]]]:
    """Return a function that follows a topic with a token in Supabase's client, and yields what the client prints."""
    run_tool(["./bootstrap", "realtime"])
    python = ROOT / ".tools" / "realtime" / "bin" / "python"
    with ExitStack() as stack:

        def follow(token: str, topic: str) -> Iterator[dict[str, Any]]:
            command: list[str | Path] = [python, Path(__file__).with_name("client.py"), realtime_url, token, topic]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return map(json.loads, process.stdout)

        yield follow


def test_a_browser_receives_the_steps_of_its_user_as_they_are_written(
    follow: Callable[[str, str], Iterator[dict[str, Any]]],
    backend: Engine,
    request_of: tuple[User, PostAnalysisRequest],
) -> None:
    user, request = request_of
    lines = follow(token_of(user), f"user:{user.clerk_user_id}")
    assert next(lines) == {"state": "SUBSCRIBED", "error": None}

    for seq in (1, 2):
        with Session(backend, expire_on_commit=False) as session:
            session.add(request)
            factories.create_status(session, request, message=f"step {seq}")
            session.commit()
        message = next(lines)["message"]

        assert message["event"] == "analysis_status"
        assert message["payload"].pop("id")
        assert message["payload"] == {
            "request_id": str(request.id),
            "seq": seq,
            "stage": "fetching_posts",
            "progress": 10,
            "message": f"step {seq}",
        }


def test_a_browser_cannot_follow_another_user(
    follow: Callable[[str, str], Iterator[dict[str, Any]]], request_of: tuple[User, PostAnalysisRequest]
) -> None:
    user, _ = request_of

    refused = next(follow(token_of(user), "user:user_another"))

    assert refused["state"] == "CHANNEL_ERROR"
    assert "You do not have permissions to read from this Channel topic" in refused["error"]


def test_a_token_without_a_role_cannot_follow_its_user(
    follow: Callable[[str, str], Iterator[dict[str, Any]]], request_of: tuple[User, PostAnalysisRequest]
) -> None:
    user, _ = request_of
    token = jwt.encode({"sub": user.clerk_user_id}, "a key that this stand-in does not check", algorithm="HS256")

    refused = next(follow(token, f"user:{user.clerk_user_id}"))

    assert (refused["state"], "Missing claims" in refused["error"]) == ("CHANNEL_ERROR", True)
