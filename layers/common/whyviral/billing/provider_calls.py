"""Calls to the payment provider on behalf of a user: logged, and never made with a transaction open."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from whyviral.core.database import allow_writes
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

type Connect = Callable[[CallRecorder], DodoClient]
"""Returns a client of the provider that records its calls."""


@contextmanager
def calling(session: Session, connect: Connect, user_id: uuid.UUID) -> Iterator[DodoClient]:
    """Commit the session, yield a client, and log the client's calls, also when one of them failed."""
    allow_writes(session)
    session.commit()
    calls = CallCollector()
    try:
        yield connect(calls)
    finally:
        call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user_id))
        session.commit()
