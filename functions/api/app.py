"""The API as one FastAPI application, whatever runs it: Mangum on Lambda, uvicorn elsewhere."""

import asyncio
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from whyviral.accounts.keyed_hashes import KeyedHashes
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier

from .dependencies import Services
from .errors import ERROR_RESPONSES, install_error_handlers
from .idempotent_call import REPLAYED_HEADER, install_replays
from .middleware import RequestContext, UnhandledErrorMiddleware
from .routers import accounts, admin, analysis, feedback, health, sign_in, social, usage
from .settings import ApiSettings

_EXPOSED_HEADERS = ["Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", REPLAYED_HEADER]
_DESCRIPTION = "Paste the URL of a social post and learn why it went viral: facts first, the explanation second."


def create_app(settings: ApiSettings) -> FastAPI:
    """Build the application with its collaborators; nothing is connected until the first request."""
    public_base_url = str(settings.public_base_url).rstrip("/")
    logger = build_logger("api", debug=settings.debug)
    app = FastAPI(
        title="whyviral",
        version="0.1.0",
        description=_DESCRIPTION,
        redirect_slashes=False,
        responses=ERROR_RESPONSES,
    )
    app.state.services = Services(
        engine=build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size),
        connections=asyncio.Semaphore(settings.db_pool_size),
        verifier=SessionTokenVerifier(
            settings.clerk_publishable_key,
            settings.clerk_authorized_parties,
            require_azp=settings.clerk_require_authorized_party,
        ),
        clerk_secret_key=settings.clerk_secret_key,
        hashes=KeyedHashes(settings.clerk_secret_key.get_secret_value()),
        workflow=StepFunctionsWorkflow(settings.state_machine_arn),
        public_base_url=public_base_url,
        max_cost_usd_per_day=settings.max_cost_usd_per_day,
    )
    for router in (
        health.router,
        accounts.router,
        accounts.public_router,
        sign_in.router,
        usage.router,
        analysis.router,
        social.router,
        feedback.router,
        admin.router,
    ):
        app.include_router(router)
    install_error_handlers(app)
    install_replays(app)
    app.add_middleware(UnhandledErrorMiddleware, logger=logger)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
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
