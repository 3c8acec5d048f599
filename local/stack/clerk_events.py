"""Webhook events of Clerk's stand-in: the running system's subscription, and signed samples for `make webhook`."""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from local.stand_ins.clerk.webhooks import event_of, headers_of, new_event_id

_PATH = "/api/accounts/webhook/clerk/"


def subscribe(stand_ins_url: str, api_url: str) -> None:
    """Make Clerk's stand-in send the events about its users to the running system."""
    _control(stand_ins_url, "clerk/instance", {"webhook_url": f"{api_url}{_PATH}"})


def send_sample(stand_ins_url: str, api_url: str, event_type: str, email: str) -> int:
    """Send a signed sample event about the user with this address, and return the HTTP status."""
    user = _control(stand_ins_url, "clerk/users", {"email": email})
    user_id: str = user["id"]
    data: dict[str, Any]
    match event_type.split("."):
        case ["user", "deleted"]:
            data = {"object": "user", "id": user_id, "deleted": True, "external_id": None}
        case ["user", _]:
            data = {**user, "updated_at": int(time.time() * 1000)}
        case ["session", status]:
            session_id = _control(stand_ins_url, "tokens", {"email": email})["session_id"]
            data = {"object": "session", "id": session_id, "user_id": user_id, "status": status}
        case _:
            data = {"object": event_type.partition(".")[0], "id": user_id}
    body = json.dumps(event_of(event_type, data)).encode()
    headers = headers_of(body, event_id=new_event_id())
    return httpx.post(f"{api_url}{_PATH}", content=body, headers=headers, timeout=30).status_code


def _control(stand_ins_url: str, name: str, body: Mapping[str, Any]) -> Any:
    response = httpx.post(f"{stand_ins_url}/__control/{name}", json=body, timeout=10)
    return response.raise_for_status().json()
