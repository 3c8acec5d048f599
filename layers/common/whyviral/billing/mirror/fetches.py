"""Fetches objects for events whose reports cannot decide, outside of any transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .reports import MAX_FETCHES, Fetched, FetchNeeded, ObjectId, Reader, StillUnsure, fetch

type ConnectReader = Callable[[CallRecorder], Reader]
"""Returns a reader of the provider that records its calls."""


@dataclass(slots=True)
class Fetches:
    """What was fetched for one event."""

    engine: Engine
    connect: ConnectReader
    clock: Clock
    fetched: dict[ObjectId, Fetched] = field(default_factory=dict)
    count: int = 0

    def add(self, needed: FetchNeeded) -> None:
        """Fetch the object, and log the call.

        Raises:
            ProviderError: the provider did not answer with the object.
            StillUnsure: too many fetches were overtaken by other events.
        """
        if self.count == MAX_FETCHES:
            raise StillUnsure
        self.count += 1
        calls = CallCollector()
        try:
            document = fetch(self.connect(calls), needed.wanted)
        finally:
            with session_scope(self.engine) as session:
                call_log.record_calls(session, calls.drain(), call_log.CallOwner())
        self.fetched[needed.wanted] = Fetched(document, needed.known, self.clock())
