"""Addresses of other functions that reach this one, because a greedy path of API Gateway needs one more character."""

from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

PLACES = {"/admin/": "home", "/mcp/": "../mcp"}
"""Where each address leads, relative to itself, so that the name of API Gateway's stage stays in the address."""


def install_redirects(app: FastAPI) -> None:
    """Add the routes of these addresses. A client of MCP sends its call again, because 308 keeps the method."""
    for path, place in PLACES.items():
        app.add_route(path, partial(_lead_on, place), methods=["GET", "POST"], include_in_schema=False)


async def _lead_on(place: str, _request: Request) -> Response:
    return RedirectResponse(place, 308)
