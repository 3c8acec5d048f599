"""A real event for every function of the stack, by the function's logical id; add the trigger of a new one here."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import boto3
from sqlalchemy.orm import Session

from local.aws.failure_events import task_event
from local.stand_ins.clerk.webhooks import event_of, headers_of, new_event_id
from tests import factories
from tests.fixtures.waits import wait_until
from tests.template.emulator.conftest import HOST, Emulator, api_event
from tests.template.emulator.stream_server import stream_server
from whyviral.accounts.models import User
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.orphaned import OVERDUE_AFTER, START_AFTER
from whyviral.core.database import session_scope
from whyviral.webhooks.inbox import QUEUE_AGAIN_AFTER
from whyviral.webhooks.models import EventState, WebhookEvent
from whyviral.webhooks.outgoing.models import OutgoingEndpoint

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


def subscriber(session: Session, clerk_user_id: str | None = None) -> tuple[User, OutgoingEndpoint]:
    """Create a user with a plan, and an endpoint that is told of ended analyses; no host may be at its address."""
    user = factories.create_user(session, **({"clerk_user_id": clerk_user_id} if clerk_user_id else {}))
    factories.create_subscription(session, user)
    return user, factories.create_endpoint(session, user, url="https://127.0.0.1/")


def messages(emulator: Emulator, function: str, variable: str) -> dict[str, Any]:
    """Receive the messages of a queue and return them as the event that Lambda makes of them."""
    queue = emulator.stack.variables[function][variable]
    client: Any = boto3.client("sqs")
    answer = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    fields = {"messageId": "MessageId", "body": "Body", "attributes": "Attributes"}
    return {"Records": [{name: each[key] for name, key in fields.items()} for each in answer["Messages"]]}


def analyse(emulator: Emulator) -> dict[str, Any]:
    """Analyse a photo through the API and return the ended request; it passes through the whole state machine."""
    identity = emulator.stand_ins.token(f"{uuid.uuid4()}@example.com")
    token = identity["token"]
    with session_scope(emulator.engine) as session:
        _, endpoint = subscriber(session, identity["user_id"])
        tested = f"/api/webhooks/endpoints/{endpoint.id}/test/"
    assert emulator.request("POST", tested, token=token)[0] == 202
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


def failed_request(session: Session, user: User) -> uuid.UUID:
    now = datetime.now(UTC)
    post = factories.create_post(session)
    return factories.create_request(session, user, [post], status=RequestStatus.FAILED, finished_at=now).id


def mcp(emulator: Emulator) -> None:
    """Start the analysis of a photo by a tool."""
    call = {"name": "analyze_posts", "arguments": {"post_urls": [PHOTO]}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    token = emulator.stand_ins.token("agent@example.com")["token"]
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    answer = emulator.run("McpFunction", api_event("POST", "/mcp", message, headers))
    assert (answer["statusCode"], json.loads(answer["body"])["result"]["isError"]) == (200, False), answer


def webhooks(emulator: Emulator) -> None:
    """Receive a webhook, and then the message about it that the queue delivers."""
    answer = emulator.run("WebhooksFunction", user_created())
    assert answer["statusCode"] == 200, answer
    event = messages(emulator, "WebhooksFunction", "WEBHOOK_QUEUE_URL")
    assert emulator.run("WebhooksFunction", event) == {"batchItemFailures": []}


def panel(emulator: Emulator, path: str, cookie: str = "", **form: str) -> dict[str, Any]:
    """Open a page of the admin panel, or send a form."""
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": f"https://{HOST}",
        **({"cookie": cookie} if cookie else {}),
    }
    event = api_event("POST" if form else "GET", f"/admin{path}", urlencode(form), headers)
    answer: dict[str, Any] = emulator.run("AdminFunction", event)
    assert answer["statusCode"] in (200, 303), answer
    return answer


def admin(emulator: Emulator) -> None:
    """Sign in as an administrator, retry a failed request and requeue a failed event."""
    identity = emulator.stand_ins.token("admin@example.com")
    with session_scope(emulator.engine) as session:
        user = factories.create_user(session, clerk_user_id=identity["user_id"], is_admin=True)
        factories.create_subscription(session, user)
        request = failed_request(session, user)
        event = webhook_event(session, datetime.now(UTC), state=EventState.FAILED)
    signed_in = panel(emulator, "/sign-in", token=identity["token"])
    cookie = signed_in["headers"]["set-cookie"].partition(";")[0]
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', panel(emulator, "/home", cookie)["body"]))
    for action in (f"requests/{request}/retry", f"events/{event}/requeue"):
        panel(emulator, f"/actions/{action}", cookie, csrf_token=token, reason="The cause is mended.")


def webhook_event(session: Session, came: datetime, **columns: Any) -> uuid.UUID:
    row = {"provider": "clerk", "event_id": str(uuid.uuid4()), "type": "user.created", "payload": {}}
    event = WebhookEvent(**row, created_at=came, updated_at=came, **columns)
    session.add(event)
    session.flush()
    return event.id


def deliveries(emulator: Emulator) -> None:
    """Try what other functions have queued; each attempt fails, and is queued again."""
    event = messages(emulator, "DeliveriesFunction", "DELIVERY_QUEUE_URL")
    assert emulator.run("DeliveriesFunction", event) == {"batchItemFailures": []}


def sweeper(emulator: Emulator) -> None:
    """Sweep a request that never started, an overdue one, and an event and a delivery that were never queued."""
    now = datetime.now(UTC)
    executions = emulator.stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    with session_scope(emulator.engine) as session:
        user, endpoint = subscriber(session)
        factories.create_delivery(session, endpoint)
        for age, status in ((START_AFTER, RequestStatus.PENDING), (OVERDUE_AFTER, RequestStatus.PROCESSING)):
            request = factories.create_request(session, user, attempt_started_at=now - age - MINUTE, status=status)
            request.execution_arn = f"{executions}:{request.id}-{request.attempt}"
        webhook_event(session, now - QUEUE_AGAIN_AFTER - MINUTE)
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
        user, _ = subscriber(session)
        request = factories.create_request(session, user, status=RequestStatus.PROCESSING)
        event = {"request_id": str(request.id), "attempt": request.attempt}
    event |= {"stage": "fetching_posts", "error": "States.Timeout"}
    assert emulator.run("FailFunction", event) == {"outcome": "failed"}


def run_on_schedule(function: str, **fields: str) -> Callable[[Emulator], None]:
    return lambda emulator: emulator.run(function, scheduled(**fields)) and None


TRIGGERS: Mapping[str, Callable[[Emulator], None]] = MappingProxyType(
    {
        "ApiFunction": api,
        "StreamFunction": stream,
        "WebhooksFunction": webhooks,  # before others queue events without a content
        "AdminFunction": admin,
        "McpFunction": mcp,
        "SweeperFunction": sweeper,
        "DeliveriesFunction": deliveries,
        "FailureEventsFunction": failure_events,
        "FailFunction": fail,
        "RetentionFunction": run_on_schedule("RetentionFunction"),
        "BillingFunction": run_on_schedule("BillingFunction", job="billing"),
        "ReconciliationFunction": run_on_schedule("ReconciliationFunction"),
    }
)
BY_THE_STATE_MACHINE = {"ScrapeFunction", "MediaFunction", "AnalyzeFunction", "FinishFunction"}
"""The functions that the analysis of ApiFunction's trigger runs."""
