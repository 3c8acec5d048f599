"""The two pages to which the payment provider sends customers: plain HTML without scripts, styles or parameters.

They say nothing about the payment, because its result arrives by webhook, and they ignore what the address contains.
"""

from functools import partial
from html import escape

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from .dependencies import services_of

SUCCESS_PATH = "/api/billing/subscription/success/"
CANCEL_PATH = "/api/billing/subscription/cancel/"
_PAGES = {
    SUCCESS_PATH: (
        "Thank you",
        "Your payment is being confirmed. Your new plan is active as soon as it is, usually within a minute.",
    ),
    CANCEL_PATH: ("Nothing was bought", "You left the checkout. Your plan has not changed, and nothing was charged."),
}
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>whyviral: {title}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p><a href="{frontend_url}">Back to whyviral</a></p>
</body>
</html>
"""


def install_billing_pages(app: FastAPI) -> None:
    """Add the routes of the pages."""
    for path, (title, text) in _PAGES.items():
        app.add_route(path, partial(_get_page, title, text), methods=["GET"], include_in_schema=False)


async def _get_page(title: str, text: str, request: Request) -> Response:
    frontend_url = escape(services_of(request).frontend_url)
    content = _PAGE.format(title=escape(title), text=escape(text), frontend_url=frontend_url)
    return HTMLResponse(content, headers={"Content-Security-Policy": _POLICY})
