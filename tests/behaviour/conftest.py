"""The whole system, started once for all tests of this folder, which run in one process."""

import dataclasses
import uuid
from collections.abc import Iterator

import httpx
import pytest

from local.stack.accounts import business_token
from tests.behaviour.recovery.troubled_system import TroubledSystem
from tests.behaviour.system import System
from tests.fixtures.waits import WAIT_S

pytest.register_assert_rewrite("tests.behaviour.recovery.cases", "tests.behaviour.recovery.schedules")


@pytest.fixture(scope="package")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubledSystem]:
    """The running system, whose functions can be killed; the waits of its state machine take a tenth of the time."""
    with TroubledSystem().running(tmp_path_factory.mktemp("stack")) as troubled:
        yield troubled


@pytest.fixture
def system(troubled: TroubledSystem) -> Iterator[System]:
    """The system with a separate Business user for each test, because the tests start over 20 analyses an hour."""
    troubled.cancel_faults()
    ready = troubled.system.stack.ready
    email = f"{uuid.uuid4()}@whyviral.example"
    token = business_token(ready.stand_ins, ready.api, ready.database_url, email)
    with httpx.Client(base_url=ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S) as api:
        yield dataclasses.replace(troubled.system, api=api)
