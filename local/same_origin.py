"""Middleware that protects control servers on loopback from web pages.

A page in the developer's browser can send requests to loopback, and its owner can point a host name there (DNS
rebinding). Browsers reveal both in `Origin`, `Sec-Fetch-Site` and `Host`. Source: developer.mozilla.org,
"Cross-Site Request Forgery prevention"; read 2026-11-28.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_OWN_SITES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for a page of this server and for an address that the user typed."""
_REFUSAL = "only programs on this machine may call this address, with a loopback host name"


def is_same_origin(host: str, *, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a call uses a loopback host name and no page of another origin sent it."""
    if _name_of(host) not in _LOOPBACK_NAMES:
        return False
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return fetch_site is None or fetch_site in _OWN_SITES


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class SameOriginOnly:
    """ASGI middleware that answers 403 to calls of other origins to paths with a prefix."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it to the application."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix) or _is_own(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        await JSONResponse({"error": _REFUSAL}, 403)(scope, receive, send)


def _is_own(headers: Headers) -> bool:
    return is_same_origin(
        headers.get("host", ""), origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site")
    )


def same_origin_only(app: WSGIApplication) -> WSGIApplication:
    """Wrap a WSGI application so that it answers 403 to calls of other origins."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_own = is_same_origin(
            environ.get("HTTP_HOST", ""),
            origin=environ.get("HTTP_ORIGIN"),
            fetch_site=environ.get("HTTP_SEC_FETCH_SITE"),
        )
        if is_own:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [_REFUSAL.encode()]

    return guarded
