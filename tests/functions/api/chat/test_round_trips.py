"""Database round trips of a question, counted at the socket: from the question to the saved answer."""

import sys
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from starlette.testclient import TestClient

from functions.api.settings import ApiSettings
from tests.fakes.chat_model import ChatScript
from tests.fixtures.postgres.counting_proxy import CountingProxy
from tests.functions.api.chat.conftest import Chatter
from whyviral.chat.timings import Timings

MAX_ROUND_TRIPS = 24


@pytest.fixture(scope="module")
def proxy(api_database_url: str) -> Iterator[CountingProxy]:
    url = make_url(api_database_url)
    with CountingProxy(str(url.host), int(url.port or 0)) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: ApiSettings, api_database_url: str, proxy: CountingProxy) -> ApiSettings:
    url = make_url(api_database_url).set(port=proxy.port).render_as_string(hide_password=False)
    return settings.model_copy(update={"supabase_db_url": SecretStr(url)})


@pytest.fixture
def timings() -> Timings:
    """No write of pieces before the end, so that the count does not depend on time."""
    return Timings(save_interval_s=3600)


@pytest.mark.parametrize("route", ["messages_path", "stream_path"])
def test_a_question_needs_no_more_round_trips_than_promised(
    client: TestClient,
    chatter: Chatter,
    script: ChatScript,
    proxy: CountingProxy,
    capsys: pytest.CaptureFixture[str],
    route: str,
) -> None:
    path = getattr(chatter, route)
    for number in range(2):  # the first call opens the connection
        proxy.take()
        body = {"content": f"Question {number}?", "client_message_id": f"id-{number}"}
        assert client.post(path, json=body, headers=chatter.headers).status_code in (200, 201)

    round_trips = proxy.take()

    with capsys.disabled():
        sys.stdout.write(f"\n| `{route.removesuffix('_path')}` | {round_trips} | {MAX_ROUND_TRIPS} | ")
    assert 0 < round_trips <= MAX_ROUND_TRIPS
