"""Receives webhooks: verifies the signature, saves the event in the inbox, queues it, and then acknowledges it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from whyviral.core.database import session_scope
from whyviral.core.telemetry.catalogue import SIGNATURE_FAILURES
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.signed_webhooks import InvalidSignature, verified_event_id
from whyviral.webhooks import inbox
from whyviral.webhooks.inbox import IncomingEvent

from . import clerk_events, dodo_events
from .clerk_events import UnreadableEvent
from .dodo_events import WrongMode
from .gateway import GatewayRequest, Refused, accepted, refusal

_DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, TimeoutError, ConnectionError)
"""The driver does not wrap some errors of its socket."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A vendor that sends webhooks, with its signing secret and the reader of its events."""

    name: str
    secret: SecretStr
    header_prefix: str
    read: Callable[[str, bytes], IncomingEvent]
    """Takes event id and body and returns the event; raises `UnreadableEvent`."""


def senders(*, clerk_secret: SecretStr, dodo_secret: SecretStr, dodo_mode: DodoMode) -> dict[str, Sender]:
    """Return the senders by path."""
    return {
        "/api/accounts/webhook/clerk": Sender("clerk", clerk_secret, "svix", clerk_events.read_event),
        "/api/billing/webhook/dodo": Sender(
            "dodo", dodo_secret, dodo_events.HEADER_PREFIX, dodo_events.reader(dodo_mode)
        ),
    }


class Receiver:
    """Receives the webhooks of all senders."""

    def __init__(self, engine: Engine, *, queue: EventQueue, senders: dict[str, Sender], logger: Logger) -> None:
        self._engine = engine
        self._queue = queue
        self._senders = senders
        self._logger = logger

    def receive(self, request: GatewayRequest) -> dict[str, Any]:
        """Receive one webhook and return API Gateway's response; after a 5xx the sender retries later."""
        try:
            self._accept(request)
        except Refused as refused:
            details = {"request_id": request.context.request_id, "status": refused.status, "code": refused.code}
            self._logger.warning("webhook refused", extra=details)
            return refusal(refused, request)
        return accepted()

    def _accept(self, request: GatewayRequest) -> None:
        sender = self._senders.get(request.path.rstrip("/"))
        if sender is None:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this address; see /docs.")
        if request.method != "POST":
            message = "This address does not take that method; see /docs."
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message)
        incoming = _read(sender, request)
        event_id = self._store(incoming)
        if event_id is not None:
            try:
                self._queue.send(event_id)
            except ProviderError as exc:
                message = "The webhook could not be queued; send it again."
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "queue_unavailable", message) from exc
        details = {"provider": incoming.provider, "type": incoming.type, "event": str(event_id) if event_id else None}
        self._logger.info("webhook received", extra=details)

    def _store(self, incoming: IncomingEvent) -> uuid.UUID | None:
        """Commit the event, and return its id if it has to be processed."""
        try:
            with session_scope(self._engine) as session:
                return inbox.receive(session, incoming)
        except _DATABASE_ERRORS as exc:
            self._logger.error("webhook not stored", extra={"error": type(exc).__name__})  # noqa: TRY400 - messages quote rows
            message = "The webhook could not be stored; send it again."
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "not_stored", message) from None


def _read(sender: Sender, request: GatewayRequest) -> IncomingEvent:
    body = request.raw_body()
    try:
        event_id = verified_event_id(
            sender.secret.get_secret_value(),
            headers=request.lower_case_headers(),
            body=body,
            prefix=sender.header_prefix,
        )
    except InvalidSignature:
        record(SIGNATURE_FAILURES, Sender=sender.name)
        message = "The signature is missing, wrong or too old."
        raise Refused(HTTPStatus.UNAUTHORIZED, "invalid_signature", message) from None
    try:
        return sender.read(event_id, body)
    except WrongMode:
        message = "The event is about the other mode of the account, test or live."
        raise Refused(HTTPStatus.BAD_REQUEST, "wrong_mode", message) from None
    except UnreadableEvent:
        raise Refused(HTTPStatus.BAD_REQUEST, "unreadable_event", "The body is not a readable event.") from None
