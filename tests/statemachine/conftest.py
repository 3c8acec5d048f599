"""Runs the deployed state machine with scripted functions and a scripted worker."""

import json
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.awslambda.exceptions import LambdaClientError

from local.aws.sandbox import Invocation
from local.aws.tasks import TaskRefused
from local.aws.template import read_template
from local.aws.workflow import Workflow
from tests.fixtures.waits import wait_until

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

ROOT = Path(__file__).resolve().parents[2]

type State = dict[str, Any]
type Answer = Mapping[str, Any] | str | "Died" | "Refused" | "Slow" | "Silent" | None
"""The answer of a function or of the worker, or the way in which it fails."""


@dataclass(frozen=True, slots=True)
class Died:
    """The function fails with an error of this name."""

    error: str = "Runtime.ExitError"


@dataclass(frozen=True, slots=True)
class Refused:
    """Lambda refuses to run the function, or ECS the worker."""

    error: str = "TooManyRequestsException"


@dataclass(frozen=True, slots=True)
class Slow:
    """The function takes longer than a state timeout of one second."""

    seconds: float = 1.5


@dataclass(frozen=True, slots=True)
class Silent:
    """The worker starts and never reports a result; it sends heartbeats for `beats_s` seconds."""

    beats_s: float = 0


_GOOD = {
    "MediaFunction": "collected",
    "Worker": "processed",
    "LambdaWorker": "processed",
    "BaselinesFunction": "fetched",
    "AnalyzeFunction": "analysed",
    "FinishFunction": "completed",
    "FailFunction": "failed",
}


@dataclass(slots=True)
class Script:
    """The answers of the functions and the worker in one execution, in order. Calls without an entry succeed."""

    posts: Sequence[str] = ("post-1",)
    videos: Sequence[str] = ()
    """The posts that need the worker."""
    video_s: Mapping[str, int] = field(default_factory=dict)
    """The length of their videos, where it is known."""
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    """Keys are a function, or a function and a post as in `AnalyzeFunction post-1`."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, function: str, event: dict[str, Any]) -> Answer:
        if event.get("step") == "baselines":
            function = "BaselinesFunction"
        self.calls.append((function, event))
        for key in (f"{function} {event.get('request_post_id')}", function):
            if self.answers[key]:
                return self.answers[key].popleft()
        about = {"request_post_id": event["request_post_id"]} if "request_post_id" in event else {}
        if function == "ScrapeFunction":
            return {"outcome": "fetched", "posts": list(self.posts)}
        if function == "MediaFunction":
            post = event["request_post_id"]
            about["needs_worker"] = post in self.videos
            about |= {"video_s": self.video_s[post]} if post in self.video_s else {}
        return {"outcome": _GOOD[function]} | about

    def events(self, function: str) -> list[dict[str, Any]]:
        return [event for name, event in self.calls if name == function]


@dataclass(frozen=True, slots=True)
class Execution:
    """A finished execution."""

    status: str
    error: str | None
    request_id: str
    script: Script
    history: "Sequence[HistoryEventTypeDef]"

    @property
    def states(self) -> list[str]:
        """The states that the execution entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.history if "stateEnteredEventDetails" in event
        ]

    @property
    def failures(self) -> list[tuple[str | None, str, str]]:
        """The failures that FailFunction received: post, stage, error."""
        return [
            (event.get("request_post_id"), event["stage"], event["error"])
            for event in self.script.events("FailFunction")
        ]

    @property
    def functions(self) -> list[str]:
        return [name.removesuffix("Function") for name, _ in self.script.calls]


class Machine:
    """Runs executions in parallel, each with its own script."""

    def __init__(self, workflow: Workflow, scripts: dict[str, Script]) -> None:
        self.workflow = workflow
        self._scripts = scripts
        self._client: SFNClient = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)

    def start(
        self,
        answers: Mapping[str, Sequence[Answer]] | None = None,
        *,
        posts: Sequence[str] = ("post-1",),
        videos: Sequence[str] = (),
        video_s: Mapping[str, int] | None = None,
        definition: str | None = None,
        trace_id: str | None = "call-1",
    ) -> tuple[str, Script]:
        """Start an execution; keys of `answers` are `Worker`, `LambdaWorker`, `Analyze` or `Analyze post-1`."""
        script = Script(posts=posts, videos=videos, video_s=video_s or {})
        for name, own in (answers or {}).items():
            function, _, post = name.partition(" ")
            function = function if function.endswith("Worker") else f"{function}Function"
            script.answers[f"{function} {post}".strip()].extend(own)
        request_id = str(uuid.uuid4())
        self._scripts[request_id] = script
        arn = self.workflow.state_machine_arn if definition is None else self._other(definition)
        started = self._client.start_execution(
            stateMachineArn=arn,
            name=f"{request_id}-1",
            input=json.dumps({"request_id": request_id, "attempt": 1} | ({"trace_id": trace_id} if trace_id else {})),
        )
        return started["executionArn"], script

    def finish(self, execution: tuple[str, Script]) -> Execution:
        arn, script = execution
        wait_until(lambda: self._client.describe_execution(executionArn=arn)["status"] != "RUNNING")
        answer = self._client.describe_execution(executionArn=arn)
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return Execution(
            status=answer["status"],
            error=answer.get("error"),
            request_id=json.loads(answer["input"])["request_id"],
            script=script,
            history=[event for page in pages for event in page["events"]],
        )

    def run(self, answers: Mapping[str, Sequence[Answer]] | None = None, **options: Any) -> Execution:
        return self.finish(self.start(answers, **options))

    def close(self) -> None:
        self._client.close()

    def _other(self, definition: str) -> str:
        role = "arn:aws:iam::000000000000:role/test"
        name = f"other-{uuid.uuid4()}"
        machine = self._client.create_state_machine(name=name, definition=definition, roleArn=role)
        return machine["stateMachineArn"]


def report(endpoint_url: str, token: str, answer: Answer) -> None:
    """Report an answer to Step Functions as the worker does; `Silent` reports no result."""
    # A session of its own, because threads must not share the creation of boto3's default session.
    client = boto3.Session().client("stepfunctions", endpoint_url=endpoint_url)
    match answer:
        case Silent(beats_s):
            for _ in range(int(beats_s * 5)):
                client.send_task_heartbeat(taskToken=token)
                time.sleep(0.2)
        case Died(error):
            client.send_task_failure(taskToken=token, error=error)
        case _:
            client.send_task_success(taskToken=token, output=json.dumps(answer))
    client.close()


def without_long_pauses(definition: str) -> str:
    """Return the definition with pauses of one second at most between tries. The number of tries stays."""
    parsed = json.loads(definition)
    for _, state in states_of(parsed):
        for retrier in state.get("Retry", ()):
            retrier |= {"IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 1}
    return json.dumps(parsed)


class ScriptedServices:
    """Lambda, ECS and EventBridge for a workflow, each of which does what the script of a request says."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.endpoint_url = ""
        """Of the workflow, to which the worker reports."""
        self._lock = threading.Lock()

    def invoke(self, name: str, payload: bytes) -> Invocation:
        """Answer as a function."""
        event = json.loads(payload)
        if name == "TranscribeFunction":
            return self._work(event)
        answer = self._answer(name, event["request_id"], event)
        match answer:
            case Refused(error):
                raise LambdaClientError(error, "said the test")
            case Died(error):
                failure = {"errorType": error, "errorMessage": "said the test"}
                return Invocation(json.dumps(failure).encode(), "Unhandled")
            case Slow(seconds):
                time.sleep(seconds)
                return Invocation(b"null")
            case _:
                return Invocation(json.dumps(answer).encode())

    def run_task(self, name: str, overrides: Mapping[str, Mapping[str, str]]) -> str:
        """Answer as a worker on ECS."""
        variables = overrides["transcribe"]
        event = {name: variables[name] for name in ("REQUEST_ID", "ATTEMPT", "TRACE_ID", "QUEUED_AT")}
        answer = self._answer("Worker", event["REQUEST_ID"], event)
        if isinstance(answer, Refused):
            raise TaskRefused("said the test")
        threading.Thread(target=report, args=(self.endpoint_url, variables["TASK_TOKEN"], answer)).start()
        return f"arn:aws:ecs:us-east-1:000000000000:task/local/{name}"

    def publish(self, event: dict[str, Any]) -> None:
        """Fail the state that waits for a failed worker on Lambda, as FailureEventsFunction does."""
        if "requestPayload" in event:
            report(self.endpoint_url, event["requestPayload"]["task_token"], Died("WorkerDied"))

    def _work(self, event: dict[str, Any]) -> Invocation:
        """Answer as the worker on Lambda; `Died` ends it before it reports anything."""
        token = event.pop("task_token")
        answer = self._answer("LambdaWorker", event["request_id"], event)
        if isinstance(answer, Died):
            return Invocation(json.dumps({"errorType": answer.error}).encode(), "Unhandled")
        report(self.endpoint_url, token, answer)
        return Invocation(b"{}")

    def _answer(self, name: str, request_id: str, event: dict[str, Any]) -> Answer:
        with self._lock:
            return self.scripts[request_id].answer(name, event)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    template = read_template(ROOT / "template.yaml")
    # Without comparison; test_baselines.py runs the definition with it.
    definition = without_long_pauses(template.local_definition()).replace("'cheap' = 'off'", "'off' = 'off'")
    services = ScriptedServices()
    name = template.state_machine.name
    with Workflow(name, definition, services.invoke, services.run_task, services.publish) as workflow:
        services.endpoint_url = workflow.endpoint_url
        machine = Machine(workflow, services.scripts)
        yield machine
        machine.close()


@pytest.fixture(scope="session")
def definition() -> State:
    text = (ROOT / "statemachine" / "analysis.asl.json").read_text(encoding="utf-8")
    parsed: State = json.loads(text)
    return parsed


def states_of(definition: State) -> Iterator[tuple[str, State]]:
    """Yield every state with its name, including those inside Maps."""
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])
