"""Sends deliveries: takes one, posts it to its endpoint, and records the attempt.

Taking and recording are transactions of their own, and none is open during the exchange.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.telemetry.catalogue import QUEUE_WAIT
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.aws.delivery_queue import MAX_DELAY_S, DeliveryQueue
from whyviral.integrations.http.ssrf_guard import AddressRefused, FetchFailed, FetchTooLate
from whyviral.integrations.signed_webhooks import signature_headers

from . import attempts, repository
from .attempts import TakenDelivery
from .dispatch import queue_deliveries
from .models import DeliveryState
from .receivers import INNER_ADDRESS, TOO_LATE, UNREACHABLE, ReceiverRefused, Receivers
from .retry_schedule import QUEUED_FOR, retry_delay

EXCHANGE_S = 10.0
"""The time limit of one exchange, from the name server to the status of the answer."""
DISABLED_AFTER = timedelta(days=5)
"""An endpoint that has not had one success for this long, although deliveries were tried, is disabled."""
GONE = "the endpoint answered 410 Gone"
_REDIRECTS = range(300, 400)
_SUCCESSES = range(200, 300)
_HEADERS = {"Content-Type": "application/json", "User-Agent": "whyviral-webhooks"}

type ReportDisabled = Callable[[Session, TakenDelivery, str], None]
"""Records in the transaction that the endpoint of a delivery was disabled, and why."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as the row records it. The body of the answer is never read."""

    at: datetime
    status: int | None
    duration_ms: int
    error: str | None
    """In words for the endpoint's user; None after a success."""

    def as_json(self) -> dict[str, Any]:
        """Return the attempt as `attempt_log` holds it."""
        return {
            "at": self.at.isoformat(),
            "status": self.status,
            "duration_ms": self.duration_ms,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends deliveries to their endpoints."""

    engine: Engine
    receivers: Receivers
    queue: DeliveryQueue
    public_base_url: str
    """Links in events start with it."""
    report_disabled: ReportDisabled
    clock: Clock
    logger: Logger
    chance: Callable[[], float] = random.random
    exchange_s: float = EXCHANGE_S

    def send(self, delivery_id: uuid.UUID) -> Attempt | None:
        """Make one attempt of a delivery; None if none is due, as for a repeated or an early message."""
        with session_scope(self.engine) as session:
            taken = attempts.take(session, delivery_id, now=self.clock())
        if taken is None:
            return None
        if taken.attempts == 1:  # a later attempt has waited for the delay of its retry
            record(QUEUE_WAIT, (self.clock() - taken.created_at).total_seconds(), Queue="deliveries")
        attempt = self._post(taken)
        delay_s = self._record(taken, attempt)
        details = {"delivery": str(taken.id), "status": attempt.status, "duration_ms": attempt.duration_ms}
        self.logger.info("delivery attempted", extra=details | {"attempt": taken.attempts, "retry_s": delay_s})
        if delay_s is not None and delay_s <= MAX_DELAY_S:
            queue_deliveries(self.queue, [taken.id], logger=self.logger, delay_s=delay_s)
        return attempt

    def _post(self, taken: TakenDelivery) -> Attempt:
        now, started_mono_s = self.clock(), time.monotonic()
        status: int | None = None
        error: str | None = None
        content = event_content(taken, public_base_url=self.public_base_url)
        headers = _HEADERS | signature_headers(taken.secrets, message_id=str(taken.id), content=content, now=now)
        try:
            ends_at = started_mono_s + self.exchange_s
            with self.receivers.post(taken.url, content, headers, ends_at=ends_at) as answer:
                status = answer.status
            error = _error_of(status)
        except ReceiverRefused as refused:
            error = str(refused)
        except AddressRefused:
            error = INNER_ADDRESS
        except FetchTooLate:
            error = TOO_LATE
        except FetchFailed:
            error = UNREACHABLE
        return Attempt(now, status, round((time.monotonic() - started_mono_s) * 1000), error)

    def _record(self, taken: TakenDelivery, attempt: Attempt) -> int | None:
        """Record an attempt and return the seconds until the next one; None if there is none."""
        with session_scope(self.engine) as session:
            now = self.clock()
            if attempt.error is None:
                attempts.record_success(session, taken.endpoint_id)
                attempts.record_attempt(session, taken, attempt.as_json(), state=DeliveryState.DELIVERED, now=now)
                return None
            # The endpoint's row is locked before those of its deliveries.
            since = attempts.record_failure(session, taken.endpoint_id, now=now)
            if not taken.attempts_left:
                attempts.record_attempt(session, taken, attempt.as_json(), state=DeliveryState.FAILED, now=now)
            delay_s = self._schedule(session, taken, attempt, now=now) if taken.attempts_left else None
            reason = _disabling_reason(attempt, since, now)
            if reason is not None and repository.disable(session, taken.endpoint_id, reason=reason):
                self.report_disabled(session, taken, reason)
                return None
            return delay_s

    def _schedule(self, session: Session, taken: TakenDelivery, attempt: Attempt, *, now: datetime) -> int | None:
        """Schedule the next attempt; None if a later attempt decides instead."""
        delay_s = ceil(retry_delay(taken.attempts_left, chance=self.chance).total_seconds())
        next_at = now + timedelta(seconds=delay_s)
        is_recorded = attempts.record_attempt(
            session,
            taken,
            attempt.as_json(),
            state=DeliveryState.PENDING,
            now=now,
            next_attempt_at=next_at,
            # A longer delay than the queue's is the sweeper's alone.
            requeue_at=next_at + QUEUED_FOR if delay_s <= MAX_DELAY_S else next_at,
        )
        return delay_s if is_recorded else None


def event_content(taken: TakenDelivery, *, public_base_url: str) -> bytes:
    """Return the body of a delivery, which is the same at every attempt."""
    data: dict[str, Any] = dict(taken.data)
    if taken.analysis_request_id is not None:
        data["url"] = f"{public_base_url}/api/analysis/requests/{taken.analysis_request_id}/"
    event: Mapping[str, Any] = {"type": taken.type, "timestamp": taken.created_at.isoformat(), "data": data}
    return json.dumps(event, separators=(",", ":")).encode()


def _error_of(status: int) -> str | None:
    if status in _SUCCESSES:
        return None
    if status in _REDIRECTS:
        return f"the endpoint answered {status}, and redirects are not followed"
    return f"the endpoint answered {status}"


def _disabling_reason(attempt: Attempt, failing_since: datetime, now: datetime) -> str | None:
    if attempt.status == HTTPStatus.GONE:  # Source: Standard Webhooks, "Responding to webhooks"
        return GONE
    if now - failing_since >= DISABLED_AFTER:
        return f"no delivery has succeeded for {DISABLED_AFTER.days} days; the last error: {attempt.error}"
    return None
