"""Dodo's webhooks: events signed as Standard Webhooks, and sent until they are accepted.

Source: standardwebhooks.com, the specification; docs.dodopayments.com, "Webhooks", 2026-11.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from local.stand_ins.dodo.business.books import Books, Event
from local.stand_ins.dodo.business.documents import current_data

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"dodo stand-in secret, public").decode()
_RETRIES_S = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Delays before the attempts. Dodo waits longer: 5 s, 5 min, 30 min, up to 10 h."""
_TIMEOUT_S = 15.0


class Tampering(StrEnum):
    """What is wrong with a delivery."""

    NONE = "none"
    BODY = "body"
    """One byte of the body differs from what was signed."""
    SIGNATURE = "signature"
    SECRET = "secret"  # noqa: S105 - not a secret
    """The signature was made with another secret."""


def body_of(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed and sent."""
    return json.dumps(document, separators=(",", ":")).encode()


def headers_of(
    body: bytes, *, event_id: str, at_s: int | None = None, secrets: Sequence[str] = (WEBHOOK_SECRET,)
) -> dict[str, str]:
    """Return the headers of a webhook, with one signature for each secret: two while a rotation lasts."""
    timestamp = str(int(time.time()) if at_s is None else at_s)
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = [
        hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256) for secret in secrets
    ]
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def tampered(body: bytes, headers: dict[str, str], tampering: Tampering) -> tuple[bytes, dict[str, str]]:
    """Return a delivery that must be refused, or the same one for `none`."""
    match tampering:
        case Tampering.BODY:
            return body[:-1] + b" }", headers
        case Tampering.SIGNATURE:
            return body, headers | {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()}
        case Tampering.SECRET:
            other = "whsec_" + base64.b64encode(b"another secret").decode()
            at_s = int(headers["webhook-timestamp"])
            return body, headers_of(body, event_id=headers["webhook-id"], at_s=at_s, secrets=(other,))
        case _:
            return body, headers


@dataclass(slots=True)
class Manner:
    """How events are delivered."""

    url: str | None = None
    """None: to no address."""
    secrets: tuple[str, ...] = (WEBHOOK_SECRET,)
    copies: int = 1
    """How often each event is sent at the same time."""
    is_held: bool = False
    """Whether events wait for `release`."""
    retries_carry_the_latest_state: bool = False
    """Whether a repeated delivery shows the object as it is then, as Dodo's documentation of 2025 allows."""


@dataclass(slots=True)
class Deliveries:
    """Sends every event to one address, concurrently, so the order of arrival is not fixed."""

    books: Books
    manner: Manner = field(default_factory=Manner)
    _held: list[Event] = field(default_factory=list)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def publish(self, event: Event) -> None:
        """Start to send an event, or hold it; must be called from the event loop."""
        if self.manner.is_held:
            self._held.append(event)
        elif self.manner.url is not None:
            for _ in range(self.manner.copies):
                self._start(self._send(self.manner.url, event))

    async def release(self, *, shuffled: bool) -> int:
        """Send the events that were held, one after the other, and return their number."""
        events, self._held = self._held, []
        if shuffled:
            random.shuffle(events)
        url = self.manner.url
        if url is not None:
            for event in events:
                await asyncio.gather(*(self._send(url, event) for _ in range(self.manner.copies)))
        return len(events)

    async def idle(self) -> None:
        """Wait until every delivery has been accepted or given up."""
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)

    def cancel(self) -> None:
        """Forget the address and cancel all deliveries."""
        self.manner = Manner()
        self._held.clear()
        for task in self._sending:
            task.cancel()

    def _start(self, sending: Any) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, url: str, event: Event) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            for attempt, pause_s in enumerate(_RETRIES_S):
                await asyncio.sleep(pause_s)
                document = event.as_json()
                if attempt and self.manner.retries_carry_the_latest_state:
                    document["data"] = current_data(self.books, event.data)
                body = body_of(document)
                headers = headers_of(body, event_id=event.id, secrets=self.manner.secrets)
                try:
                    response = await http.post(url, content=body, headers=headers)
                except httpx.TransportError:
                    continue
                if response.is_success:
                    return
