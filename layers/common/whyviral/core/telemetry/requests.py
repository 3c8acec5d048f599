"""Counts answered HTTP requests by the class of their route and by outcome."""

from http import HTTPStatus

from .catalogue import API_DURATION, API_REQUESTS, OTHER
from .metrics import record

_CLASS_OF_PREFIX = {
    "/api/analysis/chat/": "chat",
    "/api/accounts/webhook/": "webhooks",
    "/api/billing/webhook/": "webhooks",
    "/console": "pages",
    "/docs": "pages",
    "/openapi.json": "pages",
}


def record_request(route: str | None, *, status: int, answered_after_s: float) -> None:
    """Record one request.

    Args:
        route: the template of its path; None: the path is no route.
        status: of the answer; 0: the connection broke before one.
        answered_after_s: the time to the start of the answer. A stream goes on for minutes after it.
    """
    outcome = "ok"
    if status == 0 or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        outcome = "failed"
    elif status >= HTTPStatus.BAD_REQUEST:
        outcome = "refused"
    record(API_REQUESTS, RouteClass=route_class(route), Outcome=outcome)
    record(API_DURATION, answered_after_s * 1000, RouteClass=route_class(route))


def route_class(route: str | None) -> str:
    """Return the class of a route; "other" without a route, and for routes without a class."""
    if route is None:
        return OTHER
    if route == "/":
        return "pages"
    for prefix, name in _CLASS_OF_PREFIX.items():
        if route.startswith(prefix):
            return name
    name = route.removeprefix("/api").split("/")[1]
    return name if name in API_REQUESTS.dimensions["RouteClass"] else OTHER
