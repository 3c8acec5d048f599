import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.aws.lambda_service import FunctionNotFound, LambdaService
from local.aws.sandbox import Moment, Sandbox
from local.aws.sandbox_pool import MAX_SANDBOXES, LambdaServiceClosed
from local.aws.template import FunctionSpec
from local.bootstrap import dump_endpoints
from tests.fixtures.waits import WAIT_S, wait_until
from whyviral.core.endpoints import Endpoints

ROOT = Path(__file__).resolve().parents[3]
ENDPOINTS = Endpoints(twitterapi_url="http://127.0.0.1:1/twitterapi", stand_ins=frozenset({"twitterapi"}))


def function(handler: str) -> FunctionSpec:
    name = handler.rpartition(".")[2]
    return FunctionSpec(name, f"tests.local.handlers.{handler}", timeout_s=2 * WAIT_S, memory_mb=256)


PLAIN = ("echo", "describe", "fail", "sleep", "meet", "leave", "kill", "print_line")
FUNCTIONS = {
    spec.name: spec
    for spec in (
        *(function(f"plain.{name}") for name in PLAIN),
        FunctionSpec("overrun", "tests.local.handlers.plain.sleep", timeout_s=2.0),
        function("absent.handler"),
        FunctionSpec("unset", "tests.local.handlers.without_settings.handler"),
        FunctionSpec("leaves", "tests.local.handlers.leaves_at_once.handler"),
    )
}


def start(log_folder: Path, **options: Any) -> LambdaService:
    return LambdaService(
        FUNCTIONS,
        environment=lambda spec: {"MODE": spec.name, "WHYVIRAL_ENDPOINTS": dump_endpoints(ENDPOINTS)},
        log_folder=log_folder,
        **options,
    )


@pytest.fixture(scope="module")
def lambdas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaService]:
    with start(tmp_path_factory.mktemp("logs")) as service:
        yield service


def error_of(service: LambdaService, name: str, event: object = None) -> dict[str, Any]:
    invocation = service.invoke(name, json.dumps(event).encode())

    assert invocation.function_error == "Unhandled"
    error: dict[str, Any] = json.loads(invocation.payload)
    return error


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_handler_gets_the_event_and_its_answer_comes_back(lambdas: LambdaService) -> None:
    invocation = lambdas.invoke("echo", '{"url": "https://x.com/ü"}'.encode())

    assert json.loads(invocation.payload) == {"url": "https://x.com/ü"}
    assert invocation.function_error is None


def test_an_answer_of_several_megabytes_arrives_whole(lambdas: LambdaService) -> None:
    payload = json.dumps("x" * 5_000_000).encode()

    assert lambdas.invoke("echo", payload).payload == payload


def test_a_worker_sees_only_the_variables_of_lambda_and_of_its_function(
    lambdas: LambdaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "not for workers")

    description = json.loads(lambdas.invoke("describe", b"null").payload)

    environment = description["environment"]
    assert environment["MODE"] == "describe"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "describe"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["_HANDLER"] == "tests.local.handlers.plain.describe"
    assert environment["LAMBDA_TASK_ROOT"] == str(ROOT) == description["path"]
    assert "GEMINI_API_KEY" not in environment
    assert {name for name in environment if "PYTEST" in name or "VIRTUAL_ENV" in name} == set()
    assert description["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:describe"
    assert 1000 * WAIT_S < description["remaining_ms"] <= 2000 * WAIT_S


def test_a_worker_uses_the_endpoints_of_its_environment(lambdas: LambdaService) -> None:
    description = json.loads(lambdas.invoke("describe", b"null").payload)

    assert description["twitterapi_url"] == ENDPOINTS.twitterapi_url
    assert description["stand_ins"] == ["twitterapi"]


def test_an_exception_is_reported_by_its_class_name(lambdas: LambdaService) -> None:
    error = error_of(lambdas, "fail", 'the post is "gone"')

    assert error["errorType"] == "PostNotFound"
    assert error["errorMessage"] == 'the post is "gone"'
    assert "plain.py" in error["stackTrace"][-1]


def test_a_worker_survives_an_exception(lambdas: LambdaService) -> None:
    error_of(lambdas, "fail", "once")
    first = lambdas.pids("fail")
    error_of(lambdas, "fail", "twice")

    assert lambdas.pids("fail") == first


def test_a_call_that_times_out_is_killed_and_the_next_call_gets_a_new_worker(lambdas: LambdaService) -> None:
    first = json.loads(lambdas.invoke("overrun", b"0").payload)

    error = error_of(lambdas, "overrun", 3600)

    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith(" Error: Task timed out after 2.00 seconds")
    assert error["errorMessage"].startswith("RequestId: ")
    wait_until(lambda: not is_running(first))
    assert json.loads(lambdas.invoke("overrun", b"0").payload) != first


@pytest.mark.parametrize(
    ("name", "event", "message"),
    [
        ("kill", signal.SIGKILL, "Runtime exited with error: signal: killed"),
        ("kill", signal.SIGTERM, "Runtime exited with error: signal: terminated"),
        ("leave", 1, "Runtime exited with error: exit status 1"),
        ("leave", 0, "Runtime exited without providing a reason"),
    ],
)
def test_a_process_that_ends_during_a_call_fails_the_call(
    lambdas: LambdaService, name: str, event: int, message: str
) -> None:
    error = error_of(lambdas, name, event)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f" Error: {message}")


def test_a_worker_killed_between_two_calls_is_replaced_without_an_error(lambdas: LambdaService) -> None:
    lambdas.invoke("echo", b"1")
    (pid,) = lambdas.pids("echo")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not lambdas.pids("echo"))

    assert lambdas.invoke("echo", b"2").payload == b"2"
    assert lambdas.pids("echo") != [pid]


@pytest.mark.parametrize(("moment", "ran"), [(Moment.HANDED, False), (Moment.ANSWERED, True)])
def test_an_invocation_hook_can_end_a_sandbox_before_or_after_its_handler_ran(
    tmp_path: Path, moment: Moment, *, ran: bool
) -> None:
    def end_at(at: Moment, sandbox: Sandbox, payload: bytes) -> None:
        if at is moment and payload == b'"first"':
            sandbox.end()

    with start(tmp_path, invocation_hook=end_at) as service:
        error = error_of(service, "print_line", "first")
        second = service.invoke("print_line", b'"second"')

    assert error["errorType"] == "Runtime.ExitError"
    assert second.function_error is None
    assert ("FIRST" in (tmp_path / "print_line.log").read_text()) is ran


@pytest.mark.parametrize(
    ("name", "error_type", "message"),
    [
        ("handler", "Runtime.ImportModuleError", "No module named 'tests.local.handlers.absent'"),
        ("unset", "LookupError", "CLERK_SECRET_KEY is not set"),
        ("leaves", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
    ],
)
def test_every_call_of_a_function_that_cannot_start_returns_the_reason(
    lambdas: LambdaService, name: str, error_type: str, message: str
) -> None:
    for _ in range(2):
        error = error_of(lambdas, name)

        assert error["errorType"] == error_type
        assert message in error["errorMessage"]
    assert lambdas.pids(name) == []


def test_the_output_of_a_worker_is_in_the_log_of_its_function(tmp_path: Path) -> None:
    with start(tmp_path) as service:
        service.invoke("print_line", b'"hello"')

    assert (tmp_path / "print_line.log").read_text() == "hello\nHELLO\n"


def test_an_unknown_function_is_not_found(lambdas: LambdaService) -> None:
    with pytest.raises(FunctionNotFound, match="nobody"):
        lambdas.invoke("nobody", b"null")


def test_two_calls_of_one_function_run_at_the_same_time(lambdas: LambdaService, tmp_path: Path) -> None:
    assert len(pids_that_meet(lambdas, tmp_path, calls=2, count=2)) == 2


def pids_that_meet(service: LambdaService, folder: Path, *, calls: int, count: int) -> set[int]:
    """Call a function that waits until `count` processes run it; returns the process ids."""
    event = json.dumps({"folder": str(folder), "count": count}).encode()
    with ThreadPoolExecutor(calls) as callers:
        return {int(answer.payload) for answer in callers.map(service.invoke, ["meet"] * calls, [event] * calls)}


def test_calls_beyond_the_limit_wait_and_idle_workers_end(tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    with start(tmp_path / "logs", idle_s=0.3, stagger_s=0) as service:
        pids = pids_that_meet(service, meeting, calls=MAX_SANDBOXES + 2, count=MAX_SANDBOXES)

        assert len(pids) == MAX_SANDBOXES
        wait_until(lambda: sum(map(is_running, pids)) == 1)
        assert len(service.pids("meet")) == 1


def test_calls_that_a_warm_worker_can_answer_soon_start_no_further_worker(tmp_path: Path) -> None:
    with start(tmp_path, stagger_s=WAIT_S) as service, ThreadPoolExecutor(5) as callers:
        list(callers.map(service.invoke, ["echo"] * 5, [b"1"] * 5))

        assert len(service.pids("echo")) == 1


def test_closing_ends_the_workers_fails_running_calls_and_refuses_further_calls(tmp_path: Path) -> None:
    service = start(tmp_path)
    with ThreadPoolExecutor(1) as caller:
        under_way = caller.submit(error_of, service, "kill", 0)
        wait_until(lambda: bool(service.pids("kill")))
        pids = service.pids("kill")

        service.close()

        assert under_way.result()["errorType"] == "Runtime.ExitError"
    assert not any(map(is_running, pids))
    with pytest.raises(LambdaServiceClosed):
        service.invoke("echo", b"1")


def test_no_worker_outlives_a_stack_that_is_killed(tmp_path: Path) -> None:
    stack = subprocess.Popen(
        [sys.executable, ROOT / "tests/local/handlers/serve.py", tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with stack:
        assert stack.stdout is not None
        pids = [int(pid) for pid in stack.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_running, pids))

        stack.kill()

    wait_until(lambda: not any(map(is_running, pids)))
