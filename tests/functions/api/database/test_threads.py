"""The number of threads that a warm request uses in turn."""

from typing import Any

import pytest
from anyio import to_thread
from starlette.testclient import TestClient

from tests.functions.api.conftest import SignedIn


@pytest.mark.parametrize("path", ["/api/accounts/me/", "/api/analysis/requests/", "/api/accounts/usage/limits/"])
def test_a_read_uses_one_thread_for_user_and_route_and_one_for_its_access_log_row(
    client: TestClient, free_user: SignedIn, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert client.get(path, headers=free_user.headers).status_code == 200  # fetches Clerk's keys
    works: list[Any] = []
    run_sync = to_thread.run_sync

    async def count(work: Any, *arguments: Any, **options: Any) -> Any:
        works.append(work)
        return await run_sync(work, *arguments, **options)

    # A mock, because nothing else shows that a thread is used.
    monkeypatch.setattr(to_thread, "run_sync", count)
    assert client.get(path, headers=free_user.headers).status_code == 200

    assert len(works) == 2
