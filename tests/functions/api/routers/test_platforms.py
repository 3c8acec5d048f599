"""Platforms that an operator has deactivated."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import POST_URL, SignedIn

PATH = "/api/analysis/analyze/"
YOUTUBE_URL = "https://youtu.be/dQw4w9WgXcQ"


@pytest.fixture
def youtube_is_off(api_engine: Engine) -> Iterator[None]:
    def switch(*, on: bool) -> None:
        with api_engine.begin() as connection:
            connection.execute(text("update platforms set is_active = :on where slug = 'youtube'"), {"on": on})

    switch(on=False)
    yield
    switch(on=True)


@pytest.mark.usefixtures("youtube_is_off")
def test_posts_of_an_inactive_platform_are_refused_and_nothing_is_saved_or_counted(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, count_rows: Callable[[], dict[str, int]]
) -> None:
    before = count_rows()

    reply = client.post(PATH, json={"post_urls": [POST_URL, YOUTUBE_URL]}, headers=free_user.headers)

    assert (reply.status_code, reply.json()) == (
        503,
        {
            "error": "Posts of youtube cannot be analysed at the moment, so no analysis was started. "
            "Send the posts of other platforms without them, or try again later.",
            "code": "platform_unavailable",
            "details": {"platform": "youtube"},
            "request_id": reply.headers["X-Request-Id"],
        },
    )
    assert workflow.started == []
    # The call itself counts towards the rate limit, like every call that the plan refuses.
    assert {table: rows for table, rows in count_rows().items() if rows != before[table]}.keys() == {"rate_windows"}


@pytest.mark.usefixtures("youtube_is_off")
def test_a_refused_call_succeeds_with_the_same_key_once_the_platform_is_active_again(
    client: TestClient, free_user: SignedIn, api_engine: Engine
) -> None:
    body, headers = {"post_urls": [YOUTUBE_URL]}, free_user.headers | {"Idempotency-Key": "key"}
    refused = client.post(PATH, json=body, headers=headers)
    with api_engine.begin() as connection:
        connection.execute(text("update platforms set is_active = true where slug = 'youtube'"))

    accepted = client.post(PATH, json=body, headers=headers)

    assert (refused.status_code, accepted.status_code) == (503, 202)


@pytest.mark.usefixtures("youtube_is_off")
def test_posts_of_other_platforms_are_accepted_while_one_is_inactive(client: TestClient, free_user: SignedIn) -> None:
    assert client.post(PATH, json={"post_urls": [POST_URL]}, headers=free_user.headers).status_code == 202


def test_the_refusal_is_documented(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()["paths"][PATH]["post"]["responses"]["503"]

    assert "`platform_unavailable`" in documented["description"]
