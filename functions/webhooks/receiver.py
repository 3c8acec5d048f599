"""A webhook comes in: signature, inbox, queue, and only then the answer that lets its sender forget it."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import SecretStr
from sqlalchemy import Engine

from whyviral.core.database import session_scope
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.signed_webhooks import InvalidSignature, verified_event_id
from whyviral.webhooks import inbox
from whyviral.webhooks.inbox import IncomingEvent

from . import clerk_events
from .clerk_events import UnreadableEvent
from .gateway import GatewayRequest, Refused, accepted, refusal


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who sends webhooks, and how theirs are told from others'."""

    secret: SecretStr
    header_prefix: str
    read: Callable[[str, bytes], IncomingEvent]
    """Returns the event of an id and a body; raises `UnreadableEvent`."""


def senders(*, clerk_secret: SecretStr) -> dict[str, Sender]:
    """Return whose webhooks are taken, by path."""
    return {"/api/accounts/webhook/clerk": Sender(clerk_secret, "svix", clerk_events.read_event)}


class Receiver:
    """Takes webhooks."""

    def __init__(self, engine: Engine, *, queue: EventQueue, senders: dict[str, Sender], logger: Logger) -> None:
        self._engine = engine
        self._queue = queue
        self._senders = senders
        self._logger = logger

    def receive(self, request: GatewayRequest) -> dict[str, Any]:
        """Take one webhook and return API Gateway's answer; a 5xx makes the sender try again later."""
        try:
            self._take(request)
        except Refused as refused:
            details = {"request_id": request.context.request_id, "status": refused.status, "code": refused.code}
            self._logger.warning("webhook refused", extra=details)
            return refusal(refused, request)
        return accepted()

    def _take(self, request: GatewayRequest) -> None:
        sender = self._senders.get(request.path.rstrip("/"))
        if sender is None:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this address; see /docs.")
        if request.method != "POST":
            message = "This address does not take that method; see /docs."
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message)
        incoming = _read(sender, request)
        with session_scope(self._engine) as session:
            event_id = inbox.receive(session, incoming)
        if event_id is not None:
            try:
                self._queue.send(event_id)
            except ProviderError as exc:
                message = "The webhook could not be queued; send it again."
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "queue_unavailable", message) from exc
        kept = {"provider": incoming.provider, "type": incoming.type, "event": str(event_id) if event_id else None}
        self._logger.info("webhook received", extra=kept)


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
        message = "The signature is missing, wrong or too old."
        raise Refused(HTTPStatus.UNAUTHORIZED, "invalid_signature", message) from None
    try:
        return sender.read(event_id, body)
    except UnreadableEvent:
        raise Refused(HTTPStatus.BAD_REQUEST, "unreadable_event", "The body is no event that we can read.") from None
