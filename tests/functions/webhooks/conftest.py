"""Webhooks as Clerk sends them and API Gateway passes them on, with a queue that the test controls."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from functions.webhooks.event_batch import process_batch
from functions.webhooks.gateway import GatewayRequest
from functions.webhooks.receiver import Receiver, senders
from local.database import product
from local.database.postgres import Postgres
from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET, event_of, headers_of, new_event_id
from tests.fakes.event_queue import FakeEventQueue
from whyviral.accounts.models import EmailVerification, RevokedSession, Subscription, User
from whyviral.analytics.models import AuthenticationLog
from whyviral.billing.mirror.fetches import ConnectReader
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.webhooks.models import WebhookEvent

DODO_SECRET = "whsec_ZG9kbw=="
PATH = "/api/accounts/webhook/clerk/"
USER_ID = "user_2abc"
_POOL_SIZE = 8


def user_data(*, updated_at: int = 1_750_000_000_000, email: str | None = "ada@example.com", **fields: Any) -> Any:
    """Return a User object in Clerk's format."""
    address = {"id": "idn_1", "object": "email_address", "email_address": email, "verification": {"status": "verified"}}
    return {
        "object": "user",
        "id": USER_ID,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "image_url": "https://img.clerk.com/ada",
        "primary_email_address_id": None if email is None else "idn_1",
        "email_addresses": [] if email is None else [address],
        "updated_at": updated_at,
    } | fields


def no_dodo(_calls: CallRecorder) -> NoReturn:
    raise AssertionError("these events need no fetch")


class Webhooks:
    """Delivers webhooks, processes queued events and reads the resulting rows."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.queue = FakeEventQueue()
        self.logger = build_logger("webhooks")
        self.dodo: ConnectReader = no_dodo
        self.receiver = Receiver(
            engine,
            queue=self.queue,
            senders=senders(
                clerk_secret=SecretStr(WEBHOOK_SECRET), dodo_secret=SecretStr(DODO_SECRET), dodo_mode=DodoMode.TEST
            ),
            logger=self.logger,
        )

    def send_request(
        self, body: bytes, headers: Mapping[str, str], *, is_base64: bool = False, **changes: Any
    ) -> tuple[int, Any]:
        """Send a request as API Gateway does; return status and body of the response."""
        text = base64.b64encode(body).decode() if is_base64 else body.decode()
        event = {"httpMethod": "POST", "path": PATH, "headers": dict(headers), "body": text}
        return self.send_proxy_event(event | {"isBase64Encoded": is_base64} | changes)

    def send_proxy_event(self, event: Mapping[str, Any]) -> tuple[int, Any]:
        """Send an API Gateway proxy event; return status and body of the response."""
        request = GatewayRequest.model_validate({**event, "requestContext": {"requestId": "request-1"}})
        answer = self.receiver.receive(request)
        return answer["statusCode"], json.loads(answer["body"])

    def deliver(self, event_type: str, data: Any, *, event_id: str | None = None) -> int:
        """Deliver a signed event and return the status."""
        body = json.dumps(event_of(event_type, data)).encode()
        return self.send_request(body, headers_of(body, event_id=event_id or new_event_id()))[0]

    def process_queue(self) -> list[str]:
        """Process the queued events; return the ids of the failed messages, which stay queued."""
        events, self.queue.events = self.queue.events, []
        failed = self.process_messages({str(event): json.dumps({"event": str(event)}) for event in events})
        self.queue.events += [event for event in events if str(event) in failed]
        return failed

    def process_messages(self, messages: Mapping[str, str]) -> list[str]:
        """Process queue messages, given as bodies by id; return the ids of the failed ones."""
        sent = {"SentTimestamp": str(round(utc_now().timestamp() * 1000))}
        records = [{"messageId": message_id, "body": body, "attributes": sent} for message_id, body in messages.items()]
        answer = process_batch(self.engine, {"Records": records}, dodo=self.dodo, logger=self.logger)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def rows[Row](self, model: type[Row]) -> list[Row]:
        """Return all rows of a table, oldest first."""
        with Session(self.engine) as session:
            return list(session.scalars(select(model).order_by(model.created_at)))  # type: ignore[attr-defined] # each has

    def user(self) -> User:
        (user,) = self.rows(User)
        return user

    def states(self) -> list[tuple[str, str]]:
        """Return type and state of the events in the inbox."""
        return [(event.type, event.state) for event in self.rows(WebhookEvent)]


@pytest.fixture(scope="session")
def webhooks_engine(postgres: Postgres, template: str) -> Iterator[Engine]:
    """The application's engine on a database that only the webhook tests use, one test at a time."""
    product.create_database(postgres, "webhooks", template=template)
    engine = build_engine(product.app_url(postgres, "webhooks"), pool_size=_POOL_SIZE)
    yield engine
    engine.dispose()


@pytest.fixture
def webhooks(webhooks_engine: Engine) -> Iterator[Webhooks]:
    yield Webhooks(webhooks_engine)
    with Session(webhooks_engine) as session:
        for model in (WebhookEvent, AuthenticationLog, RevokedSession, EmailVerification, Subscription, User):
            session.execute(delete(model))
        session.commit()
