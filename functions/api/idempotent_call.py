"""Idempotent calls: rate-limited, and safe to repeat with the same idempotency key."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from whyviral.accounts.models import User
from whyviral.core.clock import Clock
from whyviral.core.errors import AppError
from whyviral.throttling import idempotency, rate_limits
from whyviral.throttling.idempotency import CallStillRunning, Claim, IdempotencyKeyReused, StoredAnswer
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, RateState

from .authentication import SIGNED_IN, CurrentUser
from .dependencies import ServicesDep, SessionDep
from .error_responses import RETRY_AFTER, Responses, error_responses

type IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A key that the client generates, such as a UUID. A request repeated with the same key within 24 "
        "hours has no second effect and gets the first answer again.",
    ),
]
RATE_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "schema": {"type": "string"},
        "description": '`"analysis";r=19;t=3600`: calls left, and seconds until one more is allowed.',
    },
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "description": '`"analysis";q=20;w=3600`: calls allowed, in how many seconds.',
    },
}
REPLAYED_HEADER = "Idempotency-Replayed"
_REPLAYED: dict[str, Any] = {
    REPLAYED_HEADER: {
        "schema": {"type": "string"},
        "description": "`true` if this is the stored answer to an earlier request.",
    }
}


def call_responses(success: int, *errors: type[AppError]) -> Responses:
    """Return the `responses` of a route with an idempotent call: its headers, its own errors and the common ones."""
    responses = error_responses(*SIGNED_IN, *errors, CallStillRunning, IdempotencyKeyReused, RateLimited)
    responses[success] = {"headers": RATE_HEADERS | _REPLAYED}
    responses[RateLimited.status_code]["headers"] = RETRY_AFTER | RATE_HEADERS
    return responses


class Replayed(Exception):
    """The first call with this key was answered; its answer is sent again."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__("already answered")
        self.answer = answer


def install_replays(app: FastAPI) -> None:
    """Register the handler that sends stored answers."""
    app.exception_handler(Replayed)(_on_replayed)


def _on_replayed(_request: Request, replayed: Replayed) -> Response:
    response = _response(replayed.answer)
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _response(answer: StoredAnswer) -> Response:
    return Response(answer.body, status_code=answer.status_code, media_type="application/json")


@dataclass(frozen=True, slots=True)
class RunningCall:
    """The first call with its key, while its work is running."""

    session: Session
    claim: Claim | None
    """None if the client sent no key."""

    def answer(self, body: BaseModel, *, status_code: int) -> Response:
        """Return the answer, and store it for repeated calls in the same transaction as the work."""
        answer = StoredAnswer(status_code, body.model_dump_json())
        if self.claim is not None:
            idempotency.store_answer(self.session, self.claim, answer)
        return _response(answer)


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A call of a user, before any work for it has started."""

    request: Request
    session: Session
    user: User
    key: str | None
    clock: Clock

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
            self.session, self.user.id, key=self.key, fingerprint=self._fingerprint(body), now=self.clock()
        )
        if isinstance(found, StoredAnswer):
            raise Replayed(found)
        return found

    def _fingerprint(self, body: BaseModel | None) -> str:
        # In ASCII: a body may hold half a surrogate pair, which has no UTF-8.
        content = json.dumps(body.model_dump(mode="json") if body is not None else None)
        request_text = f"{self.request.method} {self.request.scope['path']}\n{content}"
        return hashlib.sha256(request_text.encode()).hexdigest()

    def _count(self, policy: RatePolicy, claim: Claim | None) -> None:
        state = rate_limits.hit(
            self.session,
            scope=policy.scope,
            subject=str(self.user.id),
            limit=policy.limit,
            window=policy.window,
            now=self.clock(),
        )
        self.request.state.answer_headers = rate_headers(policy, state)
        if not state.allowed:
            if claim is not None:
                idempotency.give_back(self.session, claim)
            self.session.commit()  # saves the refusal, so that the next one in this window is not recorded
            raise RateLimited(policy, state)


def rate_headers(policy: RatePolicy, state: RateState) -> dict[str, str]:
    """Return the rate limit headers of an answer.

    Source: draft-ietf-httpapi-ratelimit-headers, §3. By §4, `t` and Retry-After name the same moment. Here it is the
    moment when the oldest call leaves the sliding window, which allows one more call.
    """
    window_s = round(policy.window.total_seconds())
    return {
        "RateLimit-Policy": f'"{policy.scope}";q={policy.limit};w={window_s}',
        "RateLimit": f'"{policy.scope}";r={state.remaining};t={state.reset_after_s}',
    }


async def get_call(
    request: Request,
    session: SessionDep,
    user: CurrentUser,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> IdempotentCall:
    """Return the call, as a dependency; async because FastAPI runs a plain dependency in a thread."""
    return IdempotentCall(request, session, user, idempotency_key, services.clock)


type IdempotentCallDep = Annotated[IdempotentCall, Depends(get_call)]
