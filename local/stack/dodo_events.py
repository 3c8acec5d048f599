"""Webhook events of Dodo's stand-in: the running system's subscription, and signed samples for `make webhook`."""

from collections.abc import Mapping
from typing import Any

import httpx

_PATH = "/api/billing/webhook/dodo/"
_SUBJECTS = frozenset(
    {
        "abandoned_checkout",
        "credit",
        "dispute",
        "dunning",
        "entitlement_grant",
        "license_key",
        "payment",
        "payout",
        "refund",
        "subscription",
    }
)


def is_event_of_dodo(event_type: str) -> bool:
    """Whether Dodo sends events with such a type, known or not; other events are Clerk's."""
    return event_type.partition(".")[0] in _SUBJECTS


def subscribe(stand_ins_url: str, api_url: str) -> None:
    """Make Dodo's stand-in send its events to the running system."""
    _control(stand_ins_url, "webhooks", {"url": f"{api_url}{_PATH}"})


def send_sample(stand_ins_url: str, event_type: str, email: str, user_id: str | None) -> int:
    """Make the stand-in send a signed sample event about this user, and return the HTTP status of the answer.

    The customer, subscription and payment of the sample exist at the stand-in afterwards.
    """
    order = {"type": event_type, "email": email, "metadata": {"user_id": user_id} if user_id else {}}
    statuses: list[int] = _control(stand_ins_url, "webhooks/sample", order)["statuses"]
    return statuses[0]


def _control(stand_ins_url: str, name: str, body: Mapping[str, Any]) -> Any:
    response = httpx.post(f"{stand_ins_url}/__control/dodo/{name}", json=body, timeout=40)
    return response.raise_for_status().json()
