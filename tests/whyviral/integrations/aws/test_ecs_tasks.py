import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from whyviral.integrations.aws.ecs_tasks import EcsTasks
from whyviral.integrations.errors import ProviderError

CLUSTER = "arn:aws:ecs:eu-central-1:000000000000:cluster/whyviral"
TASK = "arn:aws:ecs:eu-central-1:000000000000:task/whyviral/0123456789abcdef"


class Ecs:
    """A minimal ECS with DescribeTasks only, because moto's ECS runs no tasks on Fargate."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, Any] = {"tasks": [], "failures": []}
        self.requests: list[dict[str, Any]] = []


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    state = Ecs()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(state.answer).encode()
            self.send_response(state.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "eu-central-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        yield state
        server.shutdown()
        thread.join()


def test_the_environment_variables_of_a_stopped_task_are_found(ecs: Ecs) -> None:
    environment = [{"name": "TASK_TOKEN", "value": "a-token"}, {"name": "EMPTY"}]
    overrides = {"containerOverrides": [{"name": "transcribe", "environment": environment}], "cpu": "4096"}
    ecs.answer = {"tasks": [{"taskArn": TASK, "overrides": overrides}], "failures": []}

    found = EcsTasks(CLUSTER).find_overrides(TASK)

    assert found is not None
    assert {name: value.get_secret_value() for name, value in found.variables().items()} == {"TASK_TOKEN": "a-token"}
    assert "a-token" not in repr(found)
    assert ecs.requests == [{"cluster": CLUSTER, "tasks": [TASK]}]


def test_a_task_that_ecs_has_deleted_is_not_found(ecs: Ecs) -> None:
    ecs.answer = {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]}

    assert EcsTasks(CLUSTER).find_overrides(TASK) is None


def test_an_error_of_ecs_is_reported_as_ecs_that_cannot_be_reached(ecs: Ecs) -> None:
    ecs.status = 400
    ecs.answer = {"__type": "ClusterNotFoundException", "message": "Cluster not found."}

    with pytest.raises(ProviderError, match="ECS cannot be reached"):
        EcsTasks(CLUSTER).find_overrides(TASK)
