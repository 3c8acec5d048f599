"""The page `/docs`: Swagger UI, served from our own package. Its CSP allows no asset from another host."""

from functools import partial
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

ASSETS_FOLDER = Path(__file__).with_name("static") / "swagger-ui"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "initializer.js": "text/javascript",
}
"""The media type of each file."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>whyviral: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-description="{root}/openapi.json"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/initializer.js"></script>
</body>
</html>
"""


def install_documentation(app: FastAPI) -> None:
    """Add the routes of the page and its files."""
    app.add_route("/docs", _get_docs, methods=["GET"], include_in_schema=False)
    for name in _ASSETS:
        app.add_route(f"/docs/{name}", partial(_get_asset, name), methods=["GET"], include_in_schema=False)


async def _get_docs(request: Request) -> Response:
    root = escape(request.scope["root_path"])
    return HTMLResponse(_PAGE.format(root=root), headers={"Content-Security-Policy": _POLICY})


async def _get_asset(name: str, _request: Request) -> Response:
    return FileResponse(ASSETS_FOLDER / name, media_type=_ASSETS[name])
