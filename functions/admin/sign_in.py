"""The routes that begin and end an administrator's session."""

import secrets
from pathlib import Path

from anyio import to_thread
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whyviral.accounts.models import User
from whyviral.admin import administrators
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.session_tokens import SessionClaims
from whyviral.integrations.errors import ProviderError

from .cookies import COOKIE, MAX_AGE_S, AdminSession
from .errors import Unavailable
from .policy import clerk_host, sign_in_policy
from .services import Services, administrator_of, caller_of, form_of, services_of

_STATIC = Path(__file__).parent / "static"
_SCRIPT = (_STATIC / "sign_in.js").read_text(encoding="utf-8")
_STYLE = (_STATIC / "admin.css").read_text(encoding="utf-8")
_SEE_OTHER = 303


async def get_sign_in(request: Request) -> Response:
    """Return the page on which administrators sign in."""
    return await _page(request)


async def post_sign_in(request: Request) -> Response:
    """Exchange a session token of an administrator for a cookie."""
    services, token = services_of(request), form_of(request).get("token", "").strip()
    try:
        user, claims = await to_thread.run_sync(_sign_in, services, request, token)
    except AppError as exc:
        return await _page(request, error=exc)
    except ProviderError:
        return await _page(request, error=Unavailable("Clerk's keys cannot be fetched. Try again in a moment."))
    response = RedirectResponse(f"{services.settings.prefix}/admin/home", _SEE_OTHER)
    session = AdminSession.start(user.id, claims.session_id)
    _set_cookie(response, services, services.cookies.sign(session), max_age_s=MAX_AGE_S)
    return response


async def post_sign_out(request: Request) -> Response:
    """End the session in this browser."""
    services, administrator = services_of(request), administrator_of(request)
    await to_thread.run_sync(_sign_out, services, request, administrator.session)
    response = RedirectResponse(f"{services.settings.prefix}/admin/sign-in", _SEE_OTHER)
    _set_cookie(response, services, "", max_age_s=0)
    return response


def _sign_in(services: Services, request: Request, token: str) -> tuple[User, SessionClaims]:
    with Session(services.engine, expire_on_commit=False) as database:
        return administrators.sign_in(
            database, token, verifier=services.verifier, caller=caller_of(request), now=services.clock()
        )


def _sign_out(services: Services, request: Request, session: AdminSession) -> None:
    with Session(services.engine) as database:
        administrators.sign_out(database, session.user_id, session.session_id, caller_of(request))


def _set_cookie(response: Response, services: Services, value: str, *, max_age_s: int) -> None:
    settings = services.settings
    response.set_cookie(
        COOKIE,
        value,
        max_age=max_age_s,
        path=f"{settings.prefix}/admin",
        secure=settings.scheme == "https",
        httponly=True,
        samesite="strict",
    )


async def _page(request: Request, error: AppError | None = None) -> Response:
    services, nonce = services_of(request), secrets.token_urlsafe(16)
    key = services.settings.clerk_publishable_key.strip()
    host = clerk_host(key)
    context = {
        "clerk_host": host or "",
        "clerk_key": key if host else "",
        "nonce": nonce,
        "script": Markup(_SCRIPT),  # noqa: S704 - our own file
        "style": Markup(_STYLE),  # noqa: S704 - our own file
        "message": None if error is None else error.message,
    }
    status = 200 if error is None else error.status_code
    response = await services.templates.TemplateResponse(request, "sign_in.html", context, status_code=status)
    response.headers["Content-Security-Policy"] = sign_in_policy(host, nonce)
    if error is not None and error.retry_after_s is not None:
        response.headers["Retry-After"] = str(round(error.retry_after_s))
    return response
