"""The OpenAPI description: FastAPI derives it from the routes, and this module adds error codes and examples."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from functions.api.description.examples import ERROR, EXAMPLES
from functions.api.error_responses import SCHEMA, meaning_of
from functions.api.errors import MethodNotAllowed, NothingHere
from whyviral.core.errors import AppError

_DESCRIPTION = """\
Paste the URL of a social post and learn why it went viral: facts first, the explanation second.

## Errors

Every error has the form `ErrorOut`: `error` is a sentence for people, `code` is for programs. Each operation lists the
codes that it can answer. An unknown address or method is answered with a code that belongs to no operation.

| code | status | meaning |
|---|---|---|
"""
TEXT_FILE = {"schema": {"$ref": "#/components/schemas/TextFile"}}
"""The content of an answer that is a text file and not JSON."""
_STREAMS = {
    "text/event-stream": "Server-sent events. Each has the name and the data of a field of `{part}`.",
    "application/x-ndjson": "Lines of JSON, each a `{part}`.",
}
"""The media types of answers that consist of many parts, and what they hold."""
_ANYWHERE = (NothingHere, MethodNotAllowed)
"""Errors that belong to no operation."""
_OUR_PACKAGES = ("functions.api.", "whyviral.")


class ErrorOut(BaseModel):
    """What happened and what to do about it."""

    error: str = Field(description="A sentence for people.")
    code: str
    request_id: str = Field(description="Identifies the request in our logs; also sent in the header X-Request-Id.")
    details: list[dict[str, Any]] | dict[str, Any] | None = Field(None, description="The values behind the error.")
    analysis_request_id: uuid.UUID | None = Field(None, description="The analysis request in the address.")
    chat_session_id: uuid.UUID | None = Field(None, description="The chat session in the address.")


def operation_id_of(route: APIRoute) -> str:
    """Return the name of the route function, which is unique across all routers."""
    return route.name


class DescribedApi(FastAPI):
    """A FastAPI application whose description lists every error code and has an example of every model."""

    def openapi(self) -> dict[str, Any]:
        """Return the description, which the first call builds."""
        document = super().openapi()
        if "ErrorCode" not in document["components"]["schemas"]:
            _remove_item_schemas(document)
            _describe_streams(document)
            _remove_refusals_of_receivers(document)
            _add_errors(document)
            _add_examples(document["components"]["schemas"])
        return document


def _remove_item_schemas(document: dict[str, Any]) -> None:
    """Remove the keyword that FastAPI adds to event streams, because OpenAPI 3.1 does not know it."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    media.pop("itemSchema", None)


def _remove_refusals_of_receivers(document: dict[str, Any]) -> None:
    """Remove the 422 that FastAPI adds to outgoing webhooks: what a user's receiver refuses is the receiver's own."""
    for operations in document["webhooks"].values():
        for operation in operations.values():
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        del document["components"]["schemas"][name]


def _describe_streams(document: dict[str, Any]) -> None:
    """Describe streams as texts that hold events or lines, because code generators would parse a stream as one."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                for media_type in _STREAMS.keys() & response.get("content", {}).keys():
                    media = response["content"][media_type]
                    part = media["schema"]["$ref"].rpartition("/")[2]
                    schemas[f"{part}Stream"] = {
                        "type": "string",
                        "title": f"{part}Stream",
                        "description": _STREAMS[media_type].format(part=part),
                        "contentMediaType": media_type,
                        "contentSchema": {"$ref": f"#/components/schemas/{part}"},
                    }
                    media["schema"] = {"$ref": f"#/components/schemas/{part}Stream"}


def _add_errors(document: dict[str, Any]) -> None:
    statuses: dict[str, set[int]] = {}
    for status, codes in _documented(document):
        for code in codes:
            statuses.setdefault(code, set()).add(status)
    for error in _ANYWHERE:
        statuses.setdefault(error.code, set()).add(error.status_code)
    codes = sorted(statuses, key=lambda code: (min(statuses[code]), code))
    meanings = _meanings(AppError)
    document["info"]["description"] = _DESCRIPTION + "\n".join(
        f"| `{code}` | {', '.join(map(str, sorted(statuses[code])))} | {meanings[code]} |" for code in codes
    )
    schemas = document["components"]["schemas"]
    schemas["ErrorOut"] = ErrorOut.model_json_schema()
    schemas["ErrorOut"]["properties"]["code"] = {"$ref": "#/components/schemas/ErrorCode"}
    schemas["ErrorOut"]["examples"] = [ERROR]
    schemas["TextFile"] = {"type": "string", "title": "TextFile", "description": "A text file in UTF-8."}
    schemas["ErrorCode"] = {
        "type": "string",
        "title": "ErrorCode",
        "description": "Why a call failed, for programs.",
        "enum": codes,
    }
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _documented(document: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Yield the status and the codes of every documented error."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for media in response.get("content", {}).values():
                    if media["schema"].get("$ref") == SCHEMA:
                        yield int(status), media["schema"]["properties"]["code"]["enum"]


def _meanings(error: type[AppError]) -> dict[str, str]:
    """Return the meaning of each code, from the docstring of the class that introduces it."""
    meanings: dict[str, str] = {}
    for subclass in error.__subclasses__():
        # A process that imports several functions, such as that of a test, has errors of the others too.
        is_ours = subclass.__module__.startswith(_OUR_PACKAGES)
        own = {subclass.code: meaning_of(subclass)} if is_ours and "code" in vars(subclass) else {}
        meanings = {**_meanings(subclass), **own, **meanings}
    return meanings


def _add_examples(schemas: dict[str, Any]) -> None:
    for model, example in EXAMPLES.items():
        schemas[model.__name__]["examples"] = [example]
