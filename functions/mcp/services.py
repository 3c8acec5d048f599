"""The collaborators of the MCP server."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from pydantic import SecretStr
from sqlalchemy import Engine

from whyviral.accounts.api_keys import KnownApiKeys
from whyviral.chat.answers import Answers
from whyviral.chat.transactions import Transactions
from whyviral.chat.wiring import build_answers
from whyviral.core.clock import Clock, utc_now
from whyviral.core.database import build_engine
from whyviral.core.keyed_locks import KeyedLocks
from whyviral.core.pooled_transactions import PooledTransactions
from whyviral.core.runner import Runner
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow, Workflow
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.vendor_calls.calls import CallCollector

from .settings import McpSettings


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one server."""

    engine: Engine
    connections: asyncio.Semaphore
    """One permit for each connection in the engine's pool."""
    verifier: SessionTokenVerifier
    api_keys: KnownApiKeys
    key_checks: KeyedLocks
    clerk_secret_key: SecretStr
    workflow: Workflow
    transactions: Transactions
    answers: Answers
    max_cost_usd_per_day: Decimal
    free_share_of_day: Decimal
    require_verified_email: bool
    run: Runner
    clock: Clock = utc_now

    def clerk(self, calls: CallCollector) -> ClerkClient:
        """Return a client of Clerk that records its calls."""
        return ClerkClient(self.clerk_secret_key.get_secret_value(), calls=calls)


def build_services(settings: McpSettings, *, run: Runner) -> Services:
    """Build the collaborators. They open no connection until the first request."""
    engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
    connections = asyncio.Semaphore(settings.db_pool_size)
    transactions = PooledTransactions(engine, connections, run)
    return Services(
        engine=engine,
        connections=connections,
        verifier=SessionTokenVerifier(
            settings.clerk_publishable_key,
            settings.clerk_authorized_parties,
            require_azp=settings.clerk_require_authorized_party,
        ),
        api_keys=KnownApiKeys(),
        key_checks=KeyedLocks(),
        clerk_secret_key=settings.clerk_secret_key,
        workflow=StepFunctionsWorkflow(settings.state_machine_arn),
        transactions=transactions,
        answers=build_answers(settings, engine, transactions),
        max_cost_usd_per_day=settings.max_cost_usd_per_day,
        free_share_of_day=settings.free_share_of_day,
        require_verified_email=settings.require_verified_email,
        run=run,
    )
