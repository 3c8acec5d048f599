"""What routes ask for: the collaborators of the application, a transaction, and a page number."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BeforeValidator, SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from whyviral.accounts.keyed_hashes import KeyedHashes
from whyviral.analytics.authentications import Caller
from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.aws.step_functions import Workflow
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.vendor_calls.calls import CallCollector

MAX_PAGE = 10_000
_UNPRINTABLE = re.compile(r"[^ -~]")
_LONGEST_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one application."""

    engine: Engine
    connections: asyncio.Semaphore
    """As many as the engine has."""
    verifier: SessionTokenVerifier
    clerk_secret_key: SecretStr
    hashes: KeyedHashes
    workflow: Workflow
    public_base_url: str
    max_cost_usd_per_day: Decimal
    """Of all calls to vendors together."""
    free_share_of_day: Decimal
    """How much of it Free users may use, from 0 to 1."""
    require_verified_email: bool
    """Whether only verified accounts may start an analysis."""
    clock: Clock = utc_now
    answer_step_s: float = 1.0
    """The sign-in routes delay each answer to a multiple of this; longer than Clerk usually takes. 0: no delay."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def clerk(self, calls: CallCollector) -> ClerkClient:
        """Return a client of Clerk's that records its calls."""
        return ClerkClient(self.clerk_secret_key.get_secret_value(), calls=calls)


def services_of(request: Request) -> Services:
    """Return the collaborators that `create_app` built."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Caller:
    """Return where a request comes from: the address of the connection, never one that a header claims."""
    return Caller(
        address=request.client.host if request.client else None,
        user_agent=_UNPRINTABLE.sub(" ", request.headers.get("user-agent", ""))[:_LONGEST_USER_AGENT] or None,
        request_id=str(request.state.request_id),
    )


async def get_caller(request: Request) -> Caller:
    """Return where the request comes from, as a dependency."""
    return caller_of(request)


type CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_services(request: Request) -> Services:
    """Return the collaborators, as a dependency; async only because a plain one would be run in a thread."""
    return services_of(request)


type ServicesDep = Annotated[Services, Depends(get_services)]


async def wait_for_connection(services: ServicesDep) -> AsyncIterator[None]:
    """Wait, holding no thread, until a connection is free, and keep the right to it.

    A thread that waits for a connection may be the one that the connection's holder needs to go on: with more requests
    than threads nothing would move until the pool gives up.
    """
    async with services.connections:
        yield


ConnectionDep = Depends(wait_for_connection, scope="function")


async def get_session(services: ServicesDep, _connection: Annotated[None, ConnectionDep]) -> AsyncIterator[Session]:
    """Open the transaction of this request; it commits before the answer is sent.

    A thread is taken only for what talks to the database: a session connects with its first statement, and the routes
    of `TransactionRoute` have committed already.
    """
    session = Session(services.engine, expire_on_commit=False)
    try:
        yield session
        if session.in_transaction():
            await run_in_threadpool(session.commit)
    finally:
        if session.in_transaction():
            await run_in_threadpool(session.close)


type SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def _require_digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
        raise ValueError("write a whole number in digits only")
    return value


WholeNumber = BeforeValidator(_require_digits)
"""Refuses the other spellings of a number that pydantic reads: `1_000`, `1.0`, `+1`."""
PageNumber = Annotated[int, WholeNumber, Query(ge=1, le=MAX_PAGE, description="Pages count from 1 and hold 20 rows.")]
