"""Examples of events of streams."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.progress import EndEvent, ProgressEvent
from functions.api.streams.events import FailureEvent

from .analyses import STEP

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    EndEvent: {"status": "COMPLETED"},
    FailureEvent: {
        "error": "The database cannot be reached. Try again in a moment.",
        "code": "database_unavailable",
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    },
    ProgressEvent: {"status": STEP, "end": None, "error": None},
}
