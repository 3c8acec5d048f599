"""Dependencies of the routes: the application's collaborators, the caller, a transaction and a page number."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BeforeValidator, Field, SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.accounts.api_keys import KnownApiKeys
from whyviral.accounts.keyed_hashes import KeyedHashes
from whyviral.analysis.estimate.costs import CostTable
from whyviral.analytics.authentications import Caller
from whyviral.chat.answers import Answers
from whyviral.chat.transactions import Transactions
from whyviral.core.clock import Clock, utc_now
from whyviral.core.database import reading_session
from whyviral.core.keyed_locks import KeyedLocks
from whyviral.core.pagination import MAX_PAGE
from whyviral.core.runner import Runner, run_in_thread
from whyviral.integrations.aws.delivery_queue import DeliveryQueue
from whyviral.integrations.aws.step_functions import Workflow
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.vendor_calls.calls import CallCollector
from whyviral.webhooks.outgoing.receivers import Receivers


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one application, built by `create_app`."""

    engine: Engine
    connections: asyncio.Semaphore
    """One permit for each connection in the engine's pool."""
    verifier: SessionTokenVerifier
    api_keys: KnownApiKeys
    key_checks: KeyedLocks
    """Let one request at a time verify an API key."""
    clerk_secret_key: SecretStr
    hashes: KeyedHashes
    workflow: Workflow
    deliveries: DeliveryQueue
    """Queues outgoing webhooks."""
    receivers: Receivers
    """Checks where outgoing webhooks may go."""
    transactions: Transactions
    """Runs the database work of routes that stream, and of the answers that go on beside them."""
    answers: Answers
    public_base_url: str
    frontend_url: str
    """Where our own pages lead back to."""
    dodo_api_key: SecretStr
    dodo_mode: DodoMode
    costs: CostTable
    """What an analysis may cost."""
    max_cost_usd_per_day: Decimal
    """The daily budget for all calls to vendors together."""
    free_share_of_day: Decimal
    """The share of the daily budget, from 0 to 1, that Free users may use."""
    require_verified_email: bool
    """Whether only verified accounts may start an analysis."""
    run: Runner = run_in_thread
    """Runs work that waits for the database."""
    clock: Clock = utc_now
    answer_step_s: float = 1.0
    """The sign-in routes delay each answer to a multiple of this; longer than Clerk usually takes. 0: no delay."""
    progress_stream_s: float = 120.0
    """The maximum duration of a stream of progress, because an open one occupies a sandbox; the client reconnects."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def clerk(self, calls: CallCollector) -> ClerkClient:
        """Return a client of Clerk that records its calls."""
        return ClerkClient(self.clerk_secret_key.get_secret_value(), calls=calls)

    def dodo(self, calls: CallRecorder) -> DodoClient:
        """Return a client of Dodo that records its calls."""
        return DodoClient(self.dodo_api_key.get_secret_value(), mode=self.dodo_mode, calls=calls)


def services_of(request: Request) -> Services:
    """Return the collaborators of the application that serves the request."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Caller:
    """Return the caller of a request. The address is that of the connection, never one from a header."""
    return Caller.of(
        address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", ""),
        request_id=str(request.state.request_id),
    )


async def get_caller(request: Request) -> Caller:
    """Return the caller of the request, as a dependency."""
    return caller_of(request)


type CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_services(request: Request) -> Services:
    """Return the collaborators, as a dependency; async because FastAPI runs a plain dependency in a thread."""
    return services_of(request)


type ServicesDep = Annotated[Services, Depends(get_services)]


async def wait_for_connection(services: ServicesDep) -> AsyncIterator[None]:
    """Wait for a free connection without holding a thread, and reserve it for this request.

    Waiting in a thread would deadlock: with more requests than threads, all threads could wait for connections whose
    requests need a thread to finish. They would wait until the pool times out.
    """
    async with services.connections:
        yield


ConnectionDep = Depends(wait_for_connection, scope="function")


async def get_session(request: Request) -> AsyncIterator[Session]:
    """Open the transaction of this request, and commit it before the answer is sent. For a GET it is read-only.

    Opening needs no runner, because a session connects with its first statement. The commit needs one only if the
    route has not committed already, as routes of `TransactionRoute` have. This depends on no other dependency, because
    FastAPI resolves a tree of them again for each dependency that names it.
    """
    services = services_of(request)
    is_reading = request.method == "GET"
    session = reading_session(services.engine) if is_reading else Session(services.engine, expire_on_commit=False)
    async with services.connections:
        try:
            yield session
            if session.in_transaction():
                await services.run(session.commit)
        finally:
            if session.in_transaction():
                await services.run(session.close)


type SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def _require_digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
        raise ValueError("write a whole number in digits only")
    return value


WholeNumber = BeforeValidator(_require_digits)
"""Rejects the other spellings of a number that pydantic accepts: `1_000`, `1.0`, `+1`."""
_PAGE_DESCRIPTION = "Pages count from 1 and hold 20 rows."
PageNumber = Annotated[int, WholeNumber, Query(ge=1, le=MAX_PAGE, description=_PAGE_DESCRIPTION)]
PageField = Annotated[int, WholeNumber, Field(ge=1, le=MAX_PAGE, description=_PAGE_DESCRIPTION)]
"""The page number as a field of a model of query parameters."""
