"""The application of the admin panel: sqladmin's lists and details inside our guard, with our own templates."""

from hashlib import sha256
from pathlib import Path

from sqladmin import Admin
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from whyviral.core.database import build_engine, reading_sessions
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.event_queue import SqsEventQueue
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.integrations.dodo.client import DodoClient

from . import actions, home, sign_in
from .cookies import CookieSigner
from .guard import ASSETS_PATH, SIGN_IN_PATH, AdminGuard
from .rendering import install_rendering
from .services import Services
from .settings import AdminSettings
from .views.registry import VIEWS

_FOLDER = Path(__file__).parent
_STYLESHEET = (_FOLDER / "static" / "admin.css").read_bytes()
STYLESHEET_PATH = f"{ASSETS_PATH}{sha256(_STYLESHEET).hexdigest()[:12]}/admin.css"
_ONE_YEAR = "private, max-age=31536000, immutable"
_SQLADMIN_ROUTES = ("list", "details", "export")
"""The routes of sqladmin that are served. The others change rows, or belong to its own sign-in and its own pages."""


def create_app(settings: AdminSettings) -> AdminGuard:
    """Build the application. It opens no connection until the first request."""
    engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
    app = Starlette(routes=_routes())
    admin = _mount_sqladmin(app, engine)
    install_rendering(admin.templates, views=admin.views, prefix=settings.prefix, stylesheet=STYLESHEET_PATH)
    services = Services(
        settings=settings,
        engine=engine,
        templates=admin.templates,
        cookies=CookieSigner(settings.cookie_secrets),
        verifier=SessionTokenVerifier(
            settings.clerk_publishable_key,
            settings.clerk_authorized_parties,
            require_azp=settings.clerk_require_authorized_party,
        ),
        workflow=StepFunctionsWorkflow(settings.state_machine_arn),
        queue=SqsEventQueue(settings.webhook_queue_url),
        dodo=lambda calls: DodoClient(settings.dodo_api_key.get_secret_value(), mode=settings.dodo_mode, calls=calls),
    )
    return AdminGuard(app, services=services, logger=build_logger("admin"))


def _routes() -> list[Route]:
    return [
        Route("/admin", home.get_root),
        Route("/admin/home", home.get_home, name="home"),
        Route(SIGN_IN_PATH, sign_in.get_sign_in, methods=["GET"], name="sign-in"),
        Route(SIGN_IN_PATH, sign_in.post_sign_in, methods=["POST"]),
        Route("/admin/sign-out", sign_in.post_sign_out, methods=["POST"], name="sign-out"),
        Route(STYLESHEET_PATH, _get_stylesheet),
        *actions.routes(),
    ]


async def _get_stylesheet(_request: Request) -> Response:
    return Response(_STYLESHEET, media_type="text/css", headers={"Cache-Control": _ONE_YEAR})


def _mount_sqladmin(app: Starlette, engine: Engine) -> Admin:
    admin = Admin(
        app, session_maker=reading_sessions(engine), title="whyviral admin", templates_dir=str(_FOLDER / "templates")
    )
    for view in VIEWS:
        admin.add_view(view)
    served = [
        route for route in admin.admin.router.routes if isinstance(route, Route) and route.name in _SQLADMIN_ROUTES
    ]
    admin.admin.router.routes = list(served)
    return admin
