"""The FastAPI application of the API. Mangum runs it on Lambda, and uvicorn runs it elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from functions.api.description.docs_page import install_documentation
from functions.api.description.openapi import DescribedApi, operation_id_of
from functions.api.description.webhook_events import install_webhook_events
from whyviral.accounts.api_keys import KnownApiKeys
from whyviral.accounts.keyed_hashes import KeyedHashes
from whyviral.analysis.estimate.costs import CostTable
from whyviral.chat.wiring import build_answers
from whyviral.core import endpoints
from whyviral.core.database import build_engine
from whyviral.core.keyed_locks import KeyedLocks
from whyviral.core.logging import build_logger
from whyviral.core.pooled_transactions import PooledTransactions
from whyviral.core.runner import Runner, run_in_thread
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.webhooks.outgoing.receivers import Receivers

from .billing_pages import install_billing_pages
from .console.pages import install_console
from .console.redirects import install_redirects
from .dependencies import Services
from .error_responses import EVERY_ROUTE, error_responses
from .errors import install_error_handlers
from .idempotent_call import REPLAYED_HEADER, install_replays
from .middleware import RequestContext, UnhandledErrorMiddleware
from .routers import (
    accounts,
    admin,
    analysis,
    billing,
    chat,
    feedback,
    health,
    notes,
    progress,
    sign_in,
    social,
    usage,
    webhooks,
)
from .routers.reports import estimate, exports, sharing, suggestions
from .settings import ApiSettings

_EXPOSED_HEADERS = ["Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", REPLAYED_HEADER]


@asynccontextmanager
async def _save_answers(app: FastAPI) -> AsyncIterator[None]:
    """Save the answers that are being written when the server stops."""
    yield
    await app.state.services.answers.close()


def create_app(settings: ApiSettings, *, run: Runner = run_in_thread) -> FastAPI:
    """Build the application with its collaborators. It opens no connection until the first request.

    Args:
        settings: the settings of the deployment.
        run: runs work that waits for the database.
    """
    public_base_url = str(settings.public_base_url).rstrip("/")
    logger = build_logger("api")
    app = DescribedApi(
        title="whyviral",
        version="0.1.0",
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
        lifespan=_save_answers,
        responses=error_responses(*EVERY_ROUTE),
        generate_unique_id_function=operation_id_of,
    )
    engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
    connections = asyncio.Semaphore(settings.db_pool_size)
    transactions = PooledTransactions(engine, connections, run)
    app.state.services = Services(
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
        hashes=KeyedHashes(settings.clerk_secret_key.get_secret_value()),
        workflow=StepFunctionsWorkflow(settings.state_machine_arn),
        deliveries=SqsDeliveryQueue(settings.delivery_queue_url),
        receivers=Receivers.of(endpoints.current()),
        transactions=transactions,
        answers=build_answers(settings, engine, transactions),
        public_base_url=public_base_url,
        frontend_url=str(settings.frontend_url),
        dodo_api_key=settings.dodo_api_key,
        dodo_mode=settings.dodo_mode,
        costs=CostTable(
            prices=settings.price_table,
            provider=settings.ai_provider,
            model=settings.analysis_model,
            max_usd_per_request=settings.max_cost_usd_per_request,
        ),
        max_cost_usd_per_day=settings.max_cost_usd_per_day,
        free_share_of_day=settings.free_share_of_day,
        require_verified_email=settings.require_verified_email,
        run=run,
    )
    for router in (
        health.router,
        accounts.router,
        accounts.public_router,
        sign_in.router,
        usage.router,
        analysis.router,
        chat.router,
        social.router,
        progress.router,
        notes.router,
        estimate.router,
        exports.router,
        suggestions.router,
        sharing.router,
        sharing.public_router,
        billing.router,
        webhooks.router,
        feedback.router,
        admin.router,
    ):
        app.include_router(router)
    install_documentation(app)
    install_webhook_events(app)
    install_billing_pages(app)
    install_console(app, settings)
    install_redirects(app)
    install_error_handlers(app)
    install_replays(app)
    app.add_middleware(UnhandledErrorMiddleware, logger=logger)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        expose_headers=_EXPOSED_HEADERS,
        max_age=600,
    )
    app.add_middleware(
        RequestContext,
        allowed_hosts=settings.allowed_hosts,
        root_path=urlsplit(public_base_url).path,
        logger=logger,
    )
    return app
