"""Clerk's errors, and the parsing of request bodies. Source: clerk/clerk-docs, api_errors.json."""

import secrets
from typing import Any

from fastapi import Request

from local.stand_ins.scenario.refusals import Refusal, json_object, phrase

type Json = dict[str, Any]

_CODES = {
    401: "clerk_key_invalid",
    403: "authorization_invalid",
    404: "resource_not_found",
    429: "too_many_requests",
}


def error_body(status: int, code: str | None = None, message: str | None = None, param: str | None = None) -> Json:
    """Return an error in Clerk's form; the default code is the usual one of the status."""
    message = message or phrase(status)
    error = {"message": message, "long_message": message, "code": code or _CODES.get(status, "internal_clerk_error")}
    meta = {"param_name": param} if param else {}
    return {"errors": [error | {"meta": meta}], "clerk_trace_id": secrets.token_hex(16)}


def invalid(code: str, param: str, message: str) -> Refusal:
    """Return the refusal for an invalid parameter."""
    return Refusal(422, error_body(422, code, message, param))


def not_found(what: str) -> Refusal:
    """Return the refusal for an unknown id."""
    return Refusal(404, error_body(404, message=f"{what} not found"))


async def body_of(request: Request, allowed: frozenset[str]) -> Json:
    """Return the body as an object; an unknown field is refused."""
    malformed = Refusal(400, error_body(400, "request_body_invalid", "The request body is not a JSON object."))
    body = await json_object(request, malformed)
    for name in body.keys() - allowed:
        raise invalid("form_param_unknown", name, f"{name} is not a valid parameter for this request.")
    return body


def text_of(body: Json, name: str) -> str:
    """Return a required text field."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid("form_param_missing", name, f"{name} must be included.")
    return value
