"""Dodo's client for queued events that need a fetch."""

from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.ports.call_recorder import CallRecorder

from .settings import WebhooksSettings


def connect(settings: WebhooksSettings, calls: CallRecorder) -> DodoClient:
    """Return a client of Dodo that records its calls."""
    return DodoClient(settings.dodo_api_key.get_secret_value(), mode=settings.dodo_mode, calls=calls)
