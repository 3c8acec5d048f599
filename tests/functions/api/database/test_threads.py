"""How many threads a warm request takes in turn."""

from typing import Any

import pytest
from anyio import to_thread
from starlette.testclient import TestClient

from tests.functions.api.conftest import SignedIn


@pytest.mark.parametrize("path", ["/api/accounts/me/", "/api/analysis/requests/", "/api/accounts/usage/limits/"])
def test_a_read_takes_a_thread_for_the_user_one_for_the_route_and_one_for_its_record(
    client: TestClient, somebody: SignedIn, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert client.get(path, headers=somebody.headers).status_code == 200  # fetches Clerk's keys
    taken: list[Any] = []
    run_sync = to_thread.run_sync

    async def count(work: Any, *arguments: Any, **options: Any) -> Any:
        taken.append(work)
        return await run_sync(work, *arguments, **options)

    # A mock, as nothing else sees that a thread is taken.
    monkeypatch.setattr(to_thread, "run_sync", count)
    assert client.get(path, headers=somebody.headers).status_code == 200

    assert len(taken) == 3
