"""A real event for every function of the stack, by the function's logical id; add the trigger of a new one here."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import boto3
from sqlalchemy.orm import Session

from local.aws.failure_events import task_event
from local.stand_ins.clerk.webhooks import event_of, headers_of, new_event_id
from tests import factories
from tests.fixtures.waits import wait_until
from tests.template.emulator.conftest import Emulator, api_event
from tests.template.emulator.stream_server import stream_server
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.orphaned import OVERDUE_AFTER, START_AFTER
from whyviral.core.database import session_scope
from whyviral.webhooks.inbox import QUEUE_AGAIN_AFTER
from whyviral.webhooks.models import WebhookEvent

PHOTO = "https://x.com/invented_kites/status/9000000000000000002"
MINUTE = timedelta(minutes=1)


def scheduled(**fields: str) -> dict[str, str]:
    """Return the event of a schedule."""
    return {"scheduled_at": datetime.now(UTC).isoformat(), **fields}


def user_created(user_id: str = "user_emulated") -> dict[str, Any]:
    """Return the webhook of a new user, as API Gateway passes it on."""
    user = {"object": "user", "id": user_id, "email_addresses": [], "updated_at": 1_750_000_000_000}
    body = json.dumps(event_of("user.created", user)).encode()
    event: dict[str, Any] = api_event(
        "POST", "/api/accounts/webhook/clerk/", headers=headers_of(body, event_id=new_event_id())
    )
    return event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def analyse(emulator: Emulator) -> dict[str, Any]:
    """Analyse a photo through the API and return the ended request; it passes through the whole state machine."""
    token = emulator.stand_ins.token()["token"]
    status, accepted = emulator.request("POST", "/api/analysis/analyze/", {"post_urls": [PHOTO]}, token=token)
    assert status == 202, accepted
    path = f"/api/analysis/requests/{accepted['requests'][0]['id']}/"

    def ended() -> dict[str, Any] | None:
        _, request = emulator.request("GET", path, token=token)
        return request if request["status"] in ("COMPLETED", "FAILED") else None

    request = wait_until(ended, every_s=0.2)
    assert request is not None
    return request


def api(emulator: Emulator) -> None:
    analyse(emulator)
    assert emulator.request("GET", "/health/")[0] == 200


def stream(emulator: Emulator) -> None:
    """Retry a failed request: that path is among those of StreamFunction, and starts an execution."""
    identity = emulator.stand_ins.token("retries@example.com")
    headers = {"authorization": f"Bearer {identity['token']}", "host": "api.example.com"}
    with session_scope(emulator.engine) as session:
        user = factories.create_user(session, clerk_user_id=identity["user_id"])
        factories.create_subscription(session, user)
        request = failed_request(session, user)
    with stream_server(emulator.packages, emulator.environment("StreamFunction")) as http:
        answer = http.post(f"/api/analysis/requests/{request}/retry/", headers=headers)
    assert answer.status_code == 202, answer.text


def failed_request(session: Session, user: Any) -> uuid.UUID:
    now = datetime.now(UTC)
    post = factories.create_post(session)
    return factories.create_request(session, user, [post], status=RequestStatus.FAILED, finished_at=now).id


def webhooks(emulator: Emulator) -> None:
    """Receive a webhook, and then the message about it that the queue delivers."""
    answer = emulator.run("WebhooksFunction", user_created())
    assert answer["statusCode"] == 200, answer
    queue = emulator.stack.variables["WebhooksFunction"]["WEBHOOK_QUEUE_URL"]
    received = boto3.client("sqs").receive_message(QueueUrl=queue, MessageSystemAttributeNames=["All"])["Messages"]
    records = [
        {
            "messageId": each["MessageId"],
            "body": each["Body"],
            "attributes": each["Attributes"],
            "eventSource": "aws:sqs",
        }
        for each in received
    ]
    assert emulator.run("WebhooksFunction", {"Records": records}) == {"batchItemFailures": []}


def sweeper(emulator: Emulator) -> None:
    """Sweep a request that was never started, one that is overdue, and an event that was never queued."""
    now = datetime.now(UTC)
    executions = emulator.stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    with session_scope(emulator.engine) as session:
        user = factories.create_user(session)
        for age, status in ((START_AFTER, RequestStatus.PENDING), (OVERDUE_AFTER, RequestStatus.PROCESSING)):
            request = factories.create_request(session, user, attempt_started_at=now - age - MINUTE, status=status)
            request.execution_arn = f"{executions}:{request.id}-{request.attempt}"
        came = now - QUEUE_AGAIN_AFTER - MINUTE
        event = {"provider": "clerk", "event_id": str(uuid.uuid4()), "type": "user.created", "payload": {}}
        session.add(WebhookEvent(**event, created_at=came, updated_at=came))
    results = emulator.run("SweeperFunction", scheduled())["results"]
    expected = {"requests_started": 1, "requests_overdue": 1, "events_queued": 1}
    assert {name: results[name] for name in expected} == expected


def failure_events(emulator: Emulator) -> None:
    """Fail the state of a stopped worker, whose token is in the event or is asked of ECS."""
    execution = emulator.waiting.start()
    variables = {"TASK_TOKEN": emulator.waiting.take_token()}
    cluster = emulator.stack.variables["FailureEventsFunction"]["CLUSTER_ARN"]
    task = f"{cluster.replace(':cluster/', ':task/')}/{uuid.uuid4().hex}"
    event = task_event(task, "definition", "transcribe", variables, 137)
    event["detail"]["clusterArn"] = cluster
    assert emulator.run("FailureEventsFunction", event) == {"outcome": "ended"}
    assert emulator.waiting.end_of(execution) == ("FAILED", "WorkerDied")
    del event["detail"]["overrides"]
    assert emulator.run("FailureEventsFunction", event) == {"outcome": "not_ours"}


def fail(emulator: Emulator) -> None:
    with session_scope(emulator.engine) as session:
        request = factories.create_request(session, factories.create_user(session), status=RequestStatus.PROCESSING)
        event = {"request_id": str(request.id), "attempt": request.attempt}
    event |= {"stage": "fetching_posts", "error": "States.Timeout"}
    assert emulator.run("FailFunction", event) == {"outcome": "failed"}


def run_on_schedule(function: str, **fields: str) -> Callable[[Emulator], None]:
    return lambda emulator: emulator.run(function, scheduled(**fields)) and None


TRIGGERS: Mapping[str, Callable[[Emulator], None]] = MappingProxyType(
    {
        "ApiFunction": api,
        "StreamFunction": stream,
        "WebhooksFunction": webhooks,
        "SweeperFunction": sweeper,
        "FailureEventsFunction": failure_events,
        "FailFunction": fail,
        "RetentionFunction": run_on_schedule("RetentionFunction"),
        "BillingFunction": run_on_schedule("BillingFunction", job="billing"),
        "ReconciliationFunction": run_on_schedule("ReconciliationFunction"),
    }
)
BY_THE_STATE_MACHINE = {"ScrapeFunction", "MediaFunction", "AnalyzeFunction", "FinishFunction"}
"""The functions that the analysis of ApiFunction's trigger runs."""
