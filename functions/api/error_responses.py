"""Declarations of the errors that a route can answer, so that its documentation lists their codes by status."""

from collections.abc import Iterable, Sequence
from typing import Any

from whyviral.core.errors import AppError
from whyviral.core.request_errors import BodyTooLarge, DatabaseUnavailable, InternalError, UnknownHost
from whyviral.integrations.errors import ProviderRefusedUs, ProviderUnavailable

from .errors import InvalidRequest

type Responses = dict[int | str, dict[str, Any]]
type Errors = Sequence[type[AppError]]

SCHEMA = "#/components/schemas/ErrorOut"
EVERY_ROUTE: Errors = (UnknownHost, BodyTooLarge, InvalidRequest, InternalError)
"""The errors that any route can answer."""
DATABASE: Errors = (*EVERY_ROUTE, DatabaseUnavailable)
"""The errors that a route that uses the database can answer."""
CLERK: Errors = (*DATABASE, ProviderUnavailable, ProviderRefusedUs)
"""The errors that a route that calls Clerk can answer."""
PROVIDER: Errors = (ProviderUnavailable, ProviderRefusedUs)
"""The errors that a route that calls another vendor can answer in addition."""
RETRY_AFTER: dict[str, Any] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}


def error_responses(*errors: type[AppError]) -> Responses:
    """Return the `responses` of a route that can answer these errors.

    If a router and its route both declare a status, the route's codes replace those of the router. A route therefore
    declares the common errors as well.
    """
    by_status: dict[int, list[type[AppError]]] = {}
    for error in errors:
        by_status.setdefault(error.status_code, []).append(error)
    return {status: _response(found) for status, found in by_status.items()}


def meaning_of(error: type[AppError]) -> str:
    """Return the first paragraph of the docstring of the error's class, on one line."""
    return " ".join((error.__doc__ or "").strip().partition("\n\n")[0].split())


def _response(errors: Iterable[type[AppError]]) -> dict[str, Any]:
    meanings: dict[str, str] = {}
    for error in errors:
        meanings.setdefault(error.code, meaning_of(error))
    response: dict[str, Any] = {
        "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in meanings.items()),
        # Keywords beside `$ref` narrow it (JSON Schema 2020-12). Tools that ignore them see the general error schema.
        "content": {"application/json": {"schema": {"$ref": SCHEMA, "properties": {"code": {"enum": list(meanings)}}}}},
    }
    if any(error.has_retry_after for error in errors):
        response["headers"] = RETRY_AFTER
    return response
