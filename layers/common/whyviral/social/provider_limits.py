"""How often a provider may be called with one of our keys, whoever calls it: rows in Postgres, shared by everybody."""

from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.core.calls import CallIntent, ExternalCall


def enter(_session: Session, _intent: CallIntent, *, now: datetime) -> float:  # noqa: ARG001
    """Take a turn at the provider and return the seconds to wait before the call.

    Raises:
        ProviderError: not now; `retry_after_s` says when.
    """
    return 0.0


def leave(
    _session: Session,
    _intent: CallIntent,
    _call: ExternalCall,
    *,
    retry_after_s: float | None,
    now: datetime,
) -> None:
    """Note what became of a call that was let in."""
