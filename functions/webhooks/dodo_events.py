"""Dodo's webhook events as the inbox stores them. Source: docs.dodopayments.com, "Webhooks", 2026-11."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from whyviral.integrations.dodo.events import EventType, read_envelope
from whyviral.integrations.dodo.events import UnreadableEvent as UnreadableDodoEvent
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.webhooks.inbox import IncomingEvent
from whyviral.webhooks.models import EventProvider

from .clerk_events import UnreadableEvent

HEADER_PREFIX = "webhook"
_WITH_SECRETS = frozenset({EventType.LICENSE_KEY_CREATED})
"""Types whose payload we neither need nor should keep."""
_LINKS = ("payment_link", "invoice_url")
_MODE_OF_HOST: Mapping[str, DodoMode] = {
    "test.dodopayments.com": DodoMode.TEST,
    "test.checkout.dodopayments.com": DodoMode.TEST,
    "live.dodopayments.com": DodoMode.LIVE,
    "checkout.dodopayments.com": DodoMode.LIVE,
}


class WrongMode(UnreadableEvent):
    """The event is about test payments but we take live ones, or the other way round."""


def reader(mode: DodoMode) -> Any:
    """Return the reader of events of one mode."""
    return partial(read_event, mode=mode)


def read_event(event_id: str, body: bytes, *, mode: DodoMode) -> IncomingEvent:
    """Return the event in a body whose signature has been verified. Every type is stored, known or not.

    Raises:
        UnreadableEvent: the body is not an event.
        WrongMode: a link in the event belongs to the other mode. Each mode also has its own signing secret.
    """
    try:
        envelope = read_envelope(body)
    except UnreadableDodoEvent:
        raise UnreadableEvent from None
    if _mode_of(envelope.payload["data"]) not in (mode, None):
        raise WrongMode
    return IncomingEvent(
        provider=EventProvider.DODO,
        event_id=event_id,
        type=envelope.type,
        subject_id=envelope.subscription_id or envelope.payment_id or envelope.customer_id,
        occurred_at=envelope.occurred_at,
        payload=None if envelope.type in _WITH_SECRETS else envelope.payload,
    )


def _mode_of(document: Mapping[str, Any]) -> DodoMode | None:
    """Return the mode that a link in the document shows; None if it has no link of Dodo's."""
    for name in _LINKS:
        link = document.get(name)
        mode = _MODE_OF_HOST.get(_host_of(link)) if isinstance(link, str) else None
        if mode is not None:
            return mode
    return None


def _host_of(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").lower()
    except ValueError:
        return ""
