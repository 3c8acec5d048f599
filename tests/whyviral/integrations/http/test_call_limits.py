"""Every outgoing call has a time limit: only the modules below open connections, and each of them sets limits."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import whyviral
from whyviral.integrations.aws.clients import CONNECT_TIMEOUT_S
from whyviral.integrations.aws.ecs_tasks import EcsTasks
from whyviral.integrations.aws.event_queue import SqsEventQueue
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.integrations.aws.task_tokens import StepFunctionsTask
from whyviral.integrations.aws.work_queue import SqsWorkQueue

ROOT = Path(__file__).parents[4]
LAYER = Path(next(iter(whyviral.__path__)))
LONGEST_CALL_S = 29
"""API Gateway's time limit; all other callers have a longer one."""
OPENERS = {
    "boto3.client": {"integrations/aws/clients.py"},
    "boto3.resource": set(),
    "create_engine": {"core/database.py"},
    "httpx.Client": {"integrations/http/deadlines.py"},
    "httpx2.Client": {"integrations/gemini/sdk.py"},
    "httpcore.ConnectionPool": {"integrations/http/deadlines.py", "integrations/http/ssrf_guard.py"},
    "httpcore2.ConnectionPool": {"integrations/gemini/sdk.py"},
    "socket.create_connection": {"core/postgres/driver.py"},
    "urllib.request.urlopen": set(),
}
"""The functions that open connections, and the modules that may call them; each is tested with slow servers."""
SHORTCUTS = {"get", "post", "put", "patch", "delete", "head", "request", "stream"}
"""The functions of httpx that create a client with default limits."""


def calls() -> Iterator[tuple[str, str]]:
    """Yield the module and the dotted name of every call in the product."""
    for folder in (LAYER, ROOT / "functions"):
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                    yield path.relative_to(folder).as_posix(), ast.unparse(node.func)


def test_only_modules_that_set_limits_open_connections() -> None:
    shortcuts = {f"{module}.{name}" for module in ("httpx", "httpx2", "requests") for name in SHORTCUTS}

    opened: dict[str, set[str]] = {name: set() for name in OPENERS}
    for module, name in calls():
        assert name not in shortcuts, module
        if name in opened:
            opened[name].add(module)

    assert opened == OPENERS


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(lambda: StepFunctionsWorkflow("arn:aws:states:us-east-1:0:stateMachine:m")._client, id="start"),
        pytest.param(lambda: StepFunctionsTask("token")._client, id="report"),
        pytest.param(lambda: EcsTasks("arn:aws:ecs:us-east-1:0:cluster/c")._client, id="tasks"),
        pytest.param(lambda: SqsEventQueue("https://sqs.us-east-1.amazonaws.com/0/q")._client, id="events"),
        pytest.param(lambda: SqsWorkQueue("https://sqs.us-east-1.amazonaws.com/0/q")._client, id="work"),
    ],
)
def test_every_aws_client_stays_below_the_longest_allowed_call(
    client: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")

    config = client().meta.config

    assert 0 < config.connect_timeout <= CONNECT_TIMEOUT_S
    assert 0 < config.read_timeout <= LONGEST_CALL_S
    assert 1 <= config.retries["total_max_attempts"] <= 3
