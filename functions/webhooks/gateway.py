"""API Gateway's proxy requests and responses that webhooks need. Source: AWS, "Lambda proxy integrations"."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from whyviral.core.security_headers import SECURITY_HEADERS

MAX_BODY_BYTES = 256 * 1024
"""Events of Clerk and Dodo are a few KiB."""


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


class _Context(BaseModel):
    request_id: str = Field(alias="requestId")


class GatewayRequest(BaseModel):
    """One proxy request of API Gateway."""

    model_config = ConfigDict(hide_input_in_errors=True)

    method: str = Field(alias="httpMethod")
    path: str
    headers: Mapping[str, str] | None = None
    body: str | None = None
    is_base64: bool = Field(default=False, alias="isBase64Encoded")
    context: _Context = Field(alias="requestContext")

    def lower_case_headers(self) -> dict[str, str]:
        """Return the headers by lower-case name; API Gateway keeps the sender's spelling."""
        return {name.lower(): value for name, value in (self.headers or {}).items()}

    def raw_body(self) -> bytes:
        """Return the body exactly as it was sent.

        Raises:
            Refused: the body is too large, or is not valid base64 or UTF-8.
        """
        text = self.body or ""
        try:
            body = base64.b64decode(text, validate=True) if self.is_base64 else text.encode()
        except ValueError:  # not base64, not ASCII, or half of a surrogate pair
            raise Refused(400, "invalid_body", "The body cannot be read.") from None
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, "body_too_large", "The body is too large; send at most 256 KiB.")
        return body


def accepted() -> dict[str, Any]:
    """Return the response that acknowledges a webhook, so that the sender does not send it again."""
    return _answer(200, {"received": True})


def refusal(refused: Refused, request: GatewayRequest) -> dict[str, Any]:
    """Return an error response in the format of all errors."""
    request_id = request.context.request_id
    return _answer(refused.status, {"error": refused.message, "code": refused.code, "request_id": request_id})


def _answer(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **SECURITY_HEADERS}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
