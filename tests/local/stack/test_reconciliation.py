"""`make reconcile`: which database and which account it compares."""

from collections.abc import Callable, Iterator

import pytest

from local.stack.errors import StackError
from local.stack.reconciliation import reconcile
from tests.fixtures.database import Database
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core import endpoints

_REAL = {"DODO_API_KEY": "key", "DODO_MODE": "test"}


@pytest.fixture(autouse=True)
def restored_endpoints() -> Iterator[None]:
    before = endpoints.current()
    yield
    endpoints.use(before)


def test_the_running_system_is_compared_with_its_stand_in(
    fresh_database: Callable[[], Database], stand_ins: StandInsClient
) -> None:
    ready = {"database_url": fresh_database().url, "stand_ins": stand_ins.base_url}

    results, differences = reconcile({}, ready, days=35, repairs=False)

    assert (results["objects_compared"], list(differences)) == (0, [])
    assert len(stand_ins.calls("dodo")) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set SUPABASE_DB_URL, or start the system"),
        ({"SUPABASE_DB_URL": "postgresql://x@127.0.0.1/x"}, "set DODO_API_KEY and DODO_MODE, or start the system"),
        ({"SUPABASE_DB_URL": "postgresql://x@127.0.0.1/x", **_REAL, "DODO_MODE": "prod"}, "DODO_MODE to test or live"),
        ({"SUPABASE_DB_URL": "postgresql://x@127.0.0.1/x", "DODO_API_KEY": "key"}, "DODO_MODE to test or live"),
    ],
    ids=["nothing", "no account", "another mode", "no mode"],
)
def test_what_is_missing_is_named(settings: dict[str, str], message: str) -> None:
    with pytest.raises(StackError, match=message):
        reconcile(settings, None, days=35, repairs=False)
