"""Idempotent calls: rate-limited, and safe to repeat with the same idempotency key."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.errors import AppError

from . import idempotency, rate_limits
from .idempotency import Claim, StoredAnswer
from .rate_limits import RateLimited, RatePolicy, RateState


class Replayed(Exception):
    """The first call with this key was answered; its answer is sent again."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__("already answered")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class RunningCall:
    """The first call with its key, while its work is running."""

    session: Session
    claim: Claim | None
    """None if the client sent no key."""

    def answer(self, body: BaseModel, *, status_code: int) -> StoredAnswer:
        """Return the answer, and store it for repeated calls in the same transaction as the work."""
        answer = StoredAnswer(status_code, body.model_dump_json())
        if self.claim is not None:
            idempotency.store_answer(self.session, self.claim, answer)
        return answer


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A call of a user, before any work for it has started."""

    session: Session
    user_id: uuid.UUID
    operation: str
    """Names the operation; a key belongs to one operation with one body."""
    key: str | None
    clock: Clock
    report_rate: Callable[[RatePolicy, RateState], None]
    """Gets the state of the rate limit after the call was counted."""

    @contextmanager
    def run_once(
        self, body: BaseModel | None, *, rate: RatePolicy, check: Callable[[Session], None] = lambda _session: None
    ) -> Iterator[RunningCall]:
        """Run the block once per key, within the rate limit, and commit when it ends.

        A separate transaction claims the key and counts the call before the block runs. A call that the plan refuses
        therefore counts. Repeated calls do not count, and neither do calls refused before this point. An `AppError`
        in the block releases the key. After any other exception the key stays claimed until its lease ends, because
        the work may have been done in part.

        Args:
            body: the request body, which is part of the key's fingerprint.
            rate: the rate limit.
            check: raises if calls are refused at the moment; such a call does not count. Repeated calls are answered
                before this check.

        Raises:
            Replayed: the first call with this key was answered.
            CallStillRunning: the first call with this key has no answer yet.
            IdempotencyKeyReused: the first call with this key was a different request.
            RateLimited: too many calls.
        """
        claim = self._claim(body)
        check(self.session)
        self._count(rate, claim)
        self.session.commit()
        try:
            yield RunningCall(self.session, claim)
        except AppError:
            self.session.rollback()
            if claim is not None:
                idempotency.give_back(self.session, claim)
                self.session.commit()
            raise
        self.session.commit()

    def _claim(self, body: BaseModel | None) -> Claim | None:
        if self.key is None:
            return None
        found = idempotency.claim(
            self.session, self.user_id, key=self.key, fingerprint=self._fingerprint(body), now=self.clock()
        )
        if isinstance(found, StoredAnswer):
            raise Replayed(found)
        return found

    def _fingerprint(self, body: BaseModel | None) -> str:
        # In ASCII: a body may hold half a surrogate pair, which has no UTF-8.
        content = json.dumps(body.model_dump(mode="json") if body is not None else None)
        return hashlib.sha256(f"{self.operation}\n{content}".encode()).hexdigest()

    def _count(self, policy: RatePolicy, claim: Claim | None) -> None:
        state = rate_limits.hit(
            self.session,
            scope=policy.scope,
            subject=str(self.user_id),
            limit=policy.limit,
            window=policy.window,
            now=self.clock(),
        )
        self.report_rate(policy, state)
        if not state.allowed:
            if claim is not None:
                idempotency.give_back(self.session, claim)
            self.session.commit()  # saves the refusal, so that the next one in this window is not recorded
            raise RateLimited(policy, state)
