"""Idempotent calls of routes: the headers that they read and send."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from sqlalchemy.orm import Session

from whyviral.accounts.models import User
from whyviral.core.clock import Clock
from whyviral.core.errors import AppError
from whyviral.throttling.idempotency import CallStillRunning, IdempotencyKeyReused, StoredAnswer
from whyviral.throttling.idempotent_call import IdempotentCall, Replayed
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, RateState

from .authentication import SIGNED_IN, CurrentUser
from .dependencies import ServicesDep, SessionDep
from .error_responses import RETRY_AFTER, Responses, error_responses

type IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
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


def install_replays(app: FastAPI) -> None:
    """Register the handler that sends stored answers."""
    app.exception_handler(Replayed)(_on_replayed)


def _on_replayed(_request: Request, replayed: Replayed) -> Response:
    response = response_of(replayed.answer)
    response.headers[REPLAYED_HEADER] = "true"
    return response


def response_of(answer: StoredAnswer) -> Response:
    """Return an answer that is stored, or could be, as a response."""
    return Response(answer.body, status_code=answer.status_code, media_type="application/json")


@dataclass(frozen=True, slots=True)
class UserCall(IdempotentCall):
    """The idempotent call of a route, with the caller's row."""

    user: User


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
) -> UserCall:
    """Return the call, as a dependency; async because FastAPI runs a plain dependency in a thread."""
    return call_of(request, session, user, idempotency_key, services.clock)


def call_of(request: Request, session: Session, user: User, key: str | None, clock: Clock) -> UserCall:
    """Return the call of a request, whose answer gets the headers of the rate limit."""

    def add_headers(policy: RatePolicy, state: RateState) -> None:
        request.state.answer_headers = rate_headers(policy, state)

    operation = f"{request.method} {request.scope['path']}"
    return UserCall(session, user.id, operation, key, clock, add_headers, user)


type IdempotentCallDep = Annotated[UserCall, Depends(get_call)]
