"""Step Functions on one machine: moto interprets the deployed state machine, and local processes run its tasks."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import boto3
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local.aws import ecs, failure_events
from local.aws.ecs import RunTask
from local.aws.failure_events import Publish
from local.aws.interpreter import Invoke, OnFailure, repaired
from local.aws.sandbox import Invocation
from local.aws.tasks import TaskRefused
from local.aws.template import ACCOUNT_ID, REGION, FunctionSpec
from local.same_origin import same_origin_only

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/local"
_running = threading.Lock()  # moto keeps its state and its server's address in globals of the process


class WorkflowAlreadyRunning(Exception):
    """This process already runs a workflow."""


def _no_task(name: str, _overrides: Mapping[str, Mapping[str, str]]) -> str:
    raise TaskRefused(f"this workflow has no service that runs {name}")


def _discard(_event: dict[str, Any]) -> None:
    """Publish nothing."""


def _published(publish: Publish) -> OnFailure:
    def on_failure(name: str, payload: bytes, error: Invocation) -> None:
        publish(failure_events.invocation_event(FunctionSpec(name, handler="").arn, payload, error.payload))

    return on_failure


class Workflow:
    """A moto server on loopback with one state machine; executions are in memory until it is closed."""

    def __init__(
        self,
        name: str,
        definition: str,
        invoke: Invoke,
        run_task: RunTask = _no_task,
        publish: Publish = _discard,
    ) -> None:
        """Start the server and create the state machine.

        Args:
            name: The state machine's name.
            definition: Its definition after substitution.
            invoke: Runs its Lambda tasks; called from many threads at once.
            run_task: Runs its ECS tasks with the variables that they need to report to this workflow; called from many
                threads at once.
            publish: Called with an event for each failed execution, unless the workflow is closing, and for each
                asynchronous invocation that failed.

        Raises:
            WorkflowAlreadyRunning: This process has a workflow; it can run only one at a time.
            botocore.exceptions.ClientError: `definition` is not a valid state machine.
        """
        self.definition = definition
        with ExitStack() as stack:
            stack.enter_context(_only_one())
            stack.enter_context(repaired(invoke, _published(publish)))
            self.endpoint_url = stack.enter_context(_server())
            self.environment: Mapping[str, str] = _client_environment(self.endpoint_url)
            stack.enter_context(_process_environment(self.environment))
            stack.enter_context(ecs.repaired(self._with_own_variables(run_task)))
            self._client: SFNClient = boto3.client("stepfunctions")
            stack.callback(self._client.close)
            # boto3 initialises its default session on first use, which is not thread-safe, so it is done here once.
            boto3.client("lambda").close()
            machine = self._client.create_state_machine(name=name, definition=definition, roleArn=_ROLE_ARN)
            self.state_machine_arn: str = machine["stateMachineArn"]
            stack.callback(self._stop_executions)
            stack.enter_context(failure_events.executions_reported(publish))
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all executions and the server; a running Lambda task ends by itself or with its LambdaService."""
        self._open.close()

    def _with_own_variables(self, run_task: RunTask) -> RunTask:
        def run(name: str, overrides: Mapping[str, Mapping[str, str]]) -> str:
            complete = {container: {**self.environment, **own} for container, own in overrides.items()}
            return run_task(name, complete)

        return run

    def _stop_executions(self) -> None:
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self.state_machine_arn, statusFilter="RUNNING"
        )
        for execution in [execution for page in pages for execution in page["executions"]]:
            self._client.stop_execution(executionArn=execution["executionArn"])


class _QuietHandler(MotoRequestHandler):
    """Request handler that logs nothing and does not wait for an ACK between header and body."""

    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the parent's name for it
        """Log nothing."""


@contextmanager
def _only_one() -> Iterator[None]:
    if not _running.acquire(blocking=False):
        raise WorkflowAlreadyRunning
    try:
        yield
    finally:
        _running.release()


@contextmanager
def _server() -> Iterator[str]:
    # moto logs ten lines for every failure that a state machine handles; the execution's history has the same facts.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    application = same_origin_only(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="moto", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        BackendDict.reset()


def _client_environment(endpoint_url: str) -> dict[str, str]:
    """Return the variables that point an AWS SDK to the server and hide the user's own AWS account."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _process_environment(client: Mapping[str, str]) -> Iterator[None]:
    """Set the variables of this process, because moto's interpreter calls its server with its own clients."""
    variables = {
        **client,
        "MOTO_PORT": client["AWS_ENDPOINT_URL"].rpartition(":")[2],
        "no_proxy": "localhost,127.0.0.1",
    }
    replaced = {*variables, "AWS_PROFILE", "AWS_SESSION_TOKEN"}
    before = {name: os.environ.pop(name) for name in replaced if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in replaced:
            os.environ.pop(name, None)
        os.environ.update(before)
