"""The whole system, started once for all tests of this folder, which a process runs one after the other."""

import dataclasses
import uuid
from collections.abc import Iterator

import httpx
import pytest

from local.accounts import business_token
from tests.end_to_end.system import System
from tests.end_to_end.troubles import World
from tests.fixtures.waits import WAIT_S

pytest.register_assert_rewrite("tests.end_to_end.cases", "tests.end_to_end.schedules")


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The running system, whose functions can be killed; what waits in it, waits a tenth of the time."""
    with World().running(tmp_path_factory.mktemp("stack")) as world:
        yield world


@pytest.fixture
def system(world: World) -> Iterator[System]:
    """The system with a Business user of the test's own: together, tests ask for more than 20 analyses an hour."""
    world.calm()
    ready = world.system.stack.ready
    email = f"{uuid.uuid4()}@whyviral.example"
    token = business_token(ready.stand_ins, ready.api, ready.database_url, email)
    with httpx.Client(base_url=ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S) as api:
        yield dataclasses.replace(world.system, api=api)
