"""The console: its pages at `/` and `/console/`, and its files. Links are relative, so no setting names a prefix."""

from functools import partial
from html import escape

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from functions.api.settings import ApiSettings

from .assets import ConsoleAssets
from .policy import clerk_host, console_policy, realtime_url, shared_policy, sign_in_policy

SHARED_PAGE = "/console/shared"
"""The page of share links, whose token stands in the fragment."""
ASSET_ROUTE = "/console/assets-{version}/{name:path}"
_FOREVER = "public, max-age=31536000, immutable"
_PAGE_CACHE = "no-cache"
_PLACES = {"/": "console/", "/console": "console/", "/console/": ""}
"""The path of the console's folder, as seen from each address of the page."""
_SHARED_PLACES = {SHARED_PAGE: "", f"{SHARED_PAGE}/": "../"}
_SIGN_IN_PLACES = {"/console/sign-in": "", "/console/sign-in/": "../"}


def install_console(app: FastAPI, settings: ApiSettings) -> None:
    """Add the routes of the pages and their files."""
    pages = _Pages(settings)
    for path, folder in _PLACES.items():
        app.add_route(path, partial(pages.get_console, folder), include_in_schema=False)
    for path, folder in _SHARED_PLACES.items():
        app.add_route(path, partial(pages.get_shared, folder), include_in_schema=False)
    for path, folder in _SIGN_IN_PLACES.items():
        app.add_route(path, partial(pages.get_sign_in, folder), include_in_schema=False)
    app.add_route(ASSET_ROUTE, pages.get_asset, include_in_schema=False)


class _Pages:
    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._assets = ConsoleAssets()

    async def get_console(self, folder: str, _request: Request) -> Response:
        return self._page("index.html", "js/main.js", folder, console_policy(self._settings))

    async def get_shared(self, folder: str, _request: Request) -> Response:
        page = self._page("shared.html", "js/shared/main.js", folder, shared_policy(self._settings))
        page.headers["X-Robots-Tag"] = "noindex, nofollow"
        return page

    async def get_sign_in(self, folder: str, _request: Request) -> Response:
        host = clerk_host(self._settings)
        if host is None:  # a link with a token signs in where a stand-in replaces Clerk
            raise HTTPException(404)
        return self._page("sign-in.html", "js/session/sign_in_page.js", folder, sign_in_policy(host))

    async def get_asset(self, request: Request) -> Response:
        asset = self._assets.find(request.path_params["name"])
        # A page of another version must not mix its modules with those of this one.
        if asset is None or request.path_params["version"] != self._assets.version:
            raise HTTPException(404)
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                asset.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type
            )
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    def _page(self, name: str, first_module: str, folder: str, policy: str) -> Response:
        assets = f"{folder}assets-{self._assets.version}/"
        host = clerk_host(self._settings)
        preloads = "\n".join(
            f'<link rel="modulepreload" href="{escape(assets + module)}">'
            for module in self._assets.list_modules(first_module)
        )
        content = (
            self._assets.get_page(name)
            .replace("{assets}", escape(assets))
            .replace("{preloads}", preloads)
            .replace("{clerk_host}", escape(host or ""))
            .replace("{realtime_url}", escape(realtime_url(self._settings) or ""))
            .replace("{realtime_key}", escape(self._settings.supabase_publishable_key))
            .replace("{clerk_key}", escape(self._settings.clerk_publishable_key.strip() if host else ""))
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": _PAGE_CACHE}
        return HTMLResponse(content, headers=headers)
