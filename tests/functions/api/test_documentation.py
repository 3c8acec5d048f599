"""The API as it describes itself."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from tests.functions.api.routes import PUBLIC
from whyviral.accounts.schemas import (
    PasswordLoginBody,
    ProfileChanges,
    ProofBody,
    ResetBody,
    SignUpBody,
    TokenLoginBody,
)
from whyviral.analysis.schemas import AnalyzeBody
from whyviral.feedback.schemas import FeedbackBody

MAY_BE_MISSING = {"GET /api/accounts/subscription/"}
FORM = {"$ref": "#/components/schemas/ErrorOut"}


@pytest.fixture
def description(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def operations(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_of_the_api_documents_its_failures_in_the_one_form(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        if " /api/" not in name:
            continue
        failures = {status: reply for status, reply in operation["responses"].items() if status >= "400"}
        assert failures.keys() - {"401", "403", "404", "409", "429", "502"} == {"400", "413", "422", "500", "503"}, name
        assert ("404" in failures) == ("{" in name or "/admin/" in name or name in MAY_BE_MISSING), name
        assert all(reply["content"]["application/json"]["schema"] == FORM for reply in failures.values()), name


def test_every_route_but_the_public_ones_wants_a_session_token(description: dict[str, Any]) -> None:
    public = {f"{method} {path}" for method, path in PUBLIC}

    for name, operation in operations(description):
        if " /api/" in name:
            assert operation.get("security") == (None if name in public else [{"ClerkSessionToken": []}]), name
            assert name in public or "401" in operation["responses"], name


def test_every_route_says_in_a_sentence_what_it_does(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        assert operation["description"].endswith("."), name


def test_the_description_is_one_that_tools_accept(description: dict[str, Any]) -> None:
    names = [name for kind in description["components"].values() for name in kind]
    ids = [operation["operationId"] for _, operation in operations(description)]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    assert len(set(ids)) == len(ids)


def test_the_refusals_of_analyze_are_documented_by_their_codes(description: dict[str, Any]) -> None:
    replies = description["paths"]["/api/analysis/analyze/"]["post"]["responses"]

    codes = {status: re.findall(r"`(\w+)`:", replies[status]["description"]) for status in ("403", "409", "422", "429")}
    assert codes == {
        "403": ["max_urls_exceeded", "usage_limit_reached", "no_current_plan"],
        "409": ["idempotency_key_in_use"],
        "422": ["invalid_request", "too_many_urls", "invalid_post_urls", "idempotency_key_reused"],
        "429": ["rate_limited"],
    }


def test_the_documentation_finds_its_description_behind_the_stage(client: TestClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert "url: '/live/openapi.json'" in page.text


def test_the_description_names_the_stage_as_where_to_send_requests(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/live"}]


def test_every_body_that_is_sent_and_every_failure_has_an_example(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    sent = set()
    for _, operation in operations(description):
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            sent |= {part["$ref"].rpartition("/")[2] for part in schema.get("anyOf", [schema])}

    assert {"AnalyzeBody", "FeedbackBody", "ProfileChanges"} <= sent
    assert [name for name in (*sent, "ErrorOut") if not schemas[name].get("examples")] == []


@pytest.mark.parametrize(
    "body",
    [AnalyzeBody, FeedbackBody, ProfileChanges, ProofBody, PasswordLoginBody, ResetBody, SignUpBody, TokenLoginBody],
)
def test_an_example_is_what_it_is_an_example_of(body: type[BaseModel]) -> None:
    for example in body.model_json_schema()["examples"]:
        assert body.model_validate(example).model_fields_set == example.keys()
