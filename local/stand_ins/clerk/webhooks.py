"""Clerk's webhooks: events signed as by Svix and sent until they are accepted.

Source: clerk.com/docs, "Webhooks overview"; docs.svix.com, "Verifying payloads manually".
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"stand-in webhook secret, public").decode()
_RETRIES_S = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Delays before the attempts. Svix waits longer: 5 s, 5 min, 30 min, up to 10 h."""
_TIMEOUT_S = 15.0


def event_of(event_type: str, data: Mapping[str, Any], *, at_ms: int | None = None) -> dict[str, Any]:
    """Return the envelope of an event."""
    return {
        "data": data,
        "object": "event",
        "type": event_type,
        "timestamp": int(time.time() * 1000) if at_ms is None else at_ms,
        "instance_id": "ins_stand_in",
        "event_attributes": {"http_request": {"client_ip": "192.0.2.1", "user_agent": "stand-in"}},
    }


def headers_of(body: bytes, *, event_id: str, at_s: int | None = None, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """Return the headers of a webhook, with the signature of its body."""
    timestamp = str(int(time.time()) if at_s is None else at_s)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Svix-Webhooks/1.62",
        "svix-id": event_id,
        "svix-timestamp": timestamp,
        "svix-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def new_event_id() -> str:
    """Return an event id in the form of Svix."""
    return f"msg_{secrets.token_hex(13)}"


class Subscription:
    """Sends every event to one address, concurrently, so the order of arrival is not fixed."""

    def __init__(self) -> None:
        self.url: str | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def publish(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Start to send an event if there is a subscriber; must be called from the event loop."""
        if self.url is None:
            return
        body = json.dumps(event_of(event_type, data)).encode()
        task = asyncio.get_running_loop().create_task(self._send(self.url, new_event_id(), body))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def cancel(self) -> None:
        """Unsubscribe and cancel all deliveries."""
        self.url = None
        for task in self._sending:
            task.cancel()

    async def _send(self, url: str, event_id: str, body: bytes) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            for pause_s in _RETRIES_S:
                await asyncio.sleep(pause_s)
                try:
                    response = await http.post(url, content=body, headers=headers_of(body, event_id=event_id))
                except httpx.TransportError:
                    continue
                if response.is_success:
                    return
