"""Dodo's error answers. Source: docs.dodopayments.com/api-reference/error-codes, 2026-11."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from local.stand_ins.dodo.business.refusals import BusinessRefusal
from local.stand_ins.scenario.refusals import phrase

_CODES = {401: "UNAUTHORIZED", 404: "NOT_FOUND", 422: "INVALID_REQUEST_BODY", 429: "TOO_MANY_REQUESTS"}


def error_body(status: int, code: str | None = None, message: str | None = None) -> dict[str, Any]:
    """Return an error in Dodo's form; the default code is the usual one of the status."""
    return {"code": code or _CODES.get(status, "INTERNAL_SERVER_ERROR"), "message": message or phrase(status)}


async def render_business_refusal(_request: Request, refusal: Exception) -> JSONResponse:
    """Turn a refusal of the books into its answer."""
    assert isinstance(refusal, BusinessRefusal)  # noqa: S101 - registered only for this class
    return JSONResponse(error_body(refusal.status, refusal.code, refusal.message), refusal.status)
