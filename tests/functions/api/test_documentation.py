"""The OpenAPI description: conventions of every operation and every schema."""

import hashlib
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import openapi_spec_validator
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from functions.api.description.docs_page import ASSETS_FOLDER
from functions.api.description.examples import ERROR, EXAMPLES
from functions.api.description.openapi import ErrorOut
from functions.api.errors import BodyNotJson
from tests.functions.api.routes import PUBLIC
from tools.openapi import render_openapi
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import judge
from whyviral.analysis.schemas import MetadataUsed
from whyviral.core.database import Base
from whyviral.core.errors import AppError

MAY_BE_MISSING = {
    "GET /api/accounts/subscription/",
    "POST /api/analysis/notes/save/",
    "POST /api/analysis/chat/sessions/",
    "POST /api/billing/portal/",
    "POST /api/billing/subscribe/",
    "POST /api/billing/upgrade/",
}
REF = "#/components/schemas/"
OPEN_SETS = {
    ("CallOut", "provider"): "vendors are added",
    ("DayOut", "provider"): "vendors are added",
    ("MetadataUsed", "provider"): "vendors are added",
    ("EventOut", "event"): "events are added",
    ("PaymentMethodOut", "kind"): "the provider adds ways of paying",
    ("WebhookOut", "type"): "vendors add events",
    ("CallOut", "step"): "each owner of calls names its own steps",
    ("MediaLeftOut", "reason"): "a sentence",
    ("NotObservable", "reason"): "a sentence",
    ("AuthenticationOut", "reason"): "error codes of several services",
}
"""Fields that look like a closed set, by their name or otherwise, but hold free strings."""


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    description: dict[str, Any] = json.loads(render_openapi())
    return description


@pytest.fixture(scope="module")
def schemas(description: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = description["components"]["schemas"]
    return schemas


def operations(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def replies(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every documented answer with its operation and status."""
    for name, operation in operations(description):
        for status, reply in operation["responses"].items():
            for media in reply.get("content", {}).values():
                yield name, status, media["schema"]


def properties(schemas: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every property of every schema, with nullable and list types unwrapped."""
    for schema_name, schema in schemas.items():
        for name, found in schema.get("properties", {}).items():
            for part in found.get("anyOf", [found]):
                if part.get("type") != "null":
                    yield schema_name, name, part["items"] if part.get("type") == "array" else part


_MODULES_OF_THE_PANEL = {f"whyviral.admin.{name}" for name in ("actions", "administrators", "audit", "refunds")}
"""The panel answers with pages. Another test of this process may have imported its errors."""


def own_subclasses[Kind](kind: type[Kind]) -> Iterator[type[Kind]]:
    """Yield our subclasses of a class, at any depth."""
    for subclass in kind.__subclasses__():
        is_ours = subclass.__module__.startswith(("whyviral.", "functions.api."))
        if is_ours and subclass.__module__ not in _MODULES_OF_THE_PANEL:
            yield subclass
        yield from own_subclasses(subclass)


def test_the_description_is_valid_openapi(description: dict[str, Any]) -> None:
    openapi_spec_validator.validate(description)


def test_every_operation_id_is_the_name_of_its_route_function(description: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(description)]

    assert [id_ for id_ in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", id_)] == []
    assert sorted(ids) == sorted(set(ids))
    assert {"list_requests", "get_request", "list_all_requests", "get_timeline"} <= set(ids)


def test_every_schema_has_a_plain_name(schemas: dict[str, Any]) -> None:
    assert [name for name in schemas if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []


def test_every_operation_has_a_one_sentence_summary(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        assert operation["description"].endswith("."), name


def test_every_route_except_public_ones_requires_a_session_token(description: dict[str, Any]) -> None:
    public = {f"{method} {path}" for method, path in PUBLIC}

    for name, operation in operations(description):
        if " /api/" in name:
            assert operation.get("security") == (None if name in public else [{"ClerkSessionToken": []}]), name
            assert name in public or "401" in operation["responses"], name


def test_every_successful_answer_has_a_named_schema(description: dict[str, Any], schemas: dict[str, Any]) -> None:
    for name, status, schema in replies(description):
        if status < "400":
            assert schema.keys() == {"$ref"}, name
            assert schema["$ref"].removeprefix(REF) in schemas


def test_every_object_has_one_example(schemas: dict[str, Any]) -> None:
    objects = {name for name, schema in schemas.items() if "properties" in schema or name == "SignInAnswer"}

    assert {name for name, schema in schemas.items() if len(schema.get("examples", [])) == 1} == objects


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_is_valid_for_its_model(model: type) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    example = EXAMPLES[model]

    found = adapter.validate_python(example, by_alias=True, by_name=True)

    if model.__name__.endswith(("Body", "Changes")):  # holds secrets, which are not dumped
        assert found.model_fields_set == example.keys()
    else:
        assert adapter.dump_python(found, mode="json") == example


def test_examples_agree_with_each_other(schemas: dict[str, Any]) -> None:
    """A nested schema has the same example as on its own."""
    for name, schema in schemas.items():
        for example in schema.get("examples", []):
            for field, found in schema.get("properties", {}).items():
                for part in found.get("anyOf", [found]):
                    items = part.get("type") == "array"
                    inner = (part["items"] if items else part).get("$ref", "").removeprefix(REF)
                    if "examples" in schemas.get(inner, {}) and example[field] is not None:
                        (expected,) = schemas[inner]["examples"]
                        assert expected in (example[field] if items else [example[field]]), (name, field)


def test_the_verdict_of_the_example_follows_from_its_facts() -> None:
    used = TypeAdapter(MetadataUsed).validate_python(EXAMPLES[MetadataUsed])

    assert judge(used.facts) == used.verdict
    assert all(isinstance(fact, Fact) for fact in used.facts)


def test_a_field_named_like_a_column_of_a_closed_set_is_an_enum(schemas: dict[str, Any]) -> None:
    closed = {
        match[1]
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if (match := re.match(r"(\w+) in \(", str(getattr(constraint, "sqltext", ""))))
    }
    assert {"status", "stage", "error_category", "kind", "provider", "event", "outcome", "interval"} <= closed

    plain = {
        (name, field)
        for name, field, schema in properties(schemas)
        if field in closed | {"platform"} and schema.get("type") == "string" and not schema.keys() & {"enum", "const"}
    }
    assert plain <= OPEN_SETS.keys(), plain - OPEN_SETS.keys()


def test_no_plain_string_of_an_example_is_a_member_of_an_enum(schemas: dict[str, Any]) -> None:
    members = {str(member) for enum in own_subclasses(StrEnum) for member in enum}
    plain = {
        (name, field): schemas[name]["examples"][0].get(field)
        for name, field, schema in properties(schemas)
        if schema.get("type") == "string" and "const" not in schema and "examples" in schemas[name]
    }

    found = {
        where: value
        for where, values in plain.items()
        for value in (values if isinstance(values, list) else [values])
        if value in members and where not in OPEN_SETS
    }
    assert found == {}


def test_a_duration_is_not_described_as_an_amount_of_money(schemas: dict[str, Any]) -> None:
    types = {(name, field): schema.get("$ref", "").removeprefix(REF) for name, field, schema in properties(schemas)}

    money = {field for (_, field), kind in types.items() if kind == "Usd"}
    assert {field for field in money if not field.endswith("_usd")} == set()
    assert types["RequestSummary", "duration_seconds"] == types["MediaOut", "duration_s"] == "Seconds"


def test_every_route_documents_its_errors_in_the_common_form(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        if " /api/" not in name:
            continue
        failures = {status: reply for status, reply in operation["responses"].items() if status >= "400"}
        assert failures.keys() - {"401", "403", "404", "409", "429", "502"} == {"400", "413", "422", "500", "503"}, name
        assert ("404" in failures) == ("{" in name or "/admin/" in name or name in MAY_BE_MISSING), name


def test_every_documented_error_lists_its_codes(description: dict[str, Any], schemas: dict[str, Any]) -> None:
    known = set(schemas["ErrorCode"]["enum"])

    for name, status, schema in replies(description):
        if status >= "400" and "/health/" not in name:
            codes = schema["properties"]["code"]["enum"]
            assert schema["$ref"] == f"{REF}ErrorOut", name
            assert codes, name
            assert set(codes) <= known, name


def test_every_error_class_is_in_the_table_and_in_an_operation(
    description: dict[str, Any], schemas: dict[str, Any]
) -> None:
    errors = {error for error in own_subclasses(AppError) if hasattr(error, "code")}
    rows = dict(re.findall(r"^\| `(\w+)` \| ([0-9, ]+) \|", description["info"]["description"], re.MULTILINE))
    listed: dict[str, set[str]] = {"not_found": {"404"}, "method_not_allowed": {"405"}}
    for name, status, schema in replies(description):
        if status >= "400" and "/health/" not in name:
            for code in schema["properties"]["code"]["enum"]:
                listed.setdefault(code, set()).add(status)

    assert len(errors) > 30
    assert {(error.code, str(error.status_code)) for error in errors} == {
        (code, status) for code, statuses in listed.items() for status in statuses
    }
    assert {code: set(statuses.split(", ")) for code, statuses in rows.items()} == listed
    assert schemas["ErrorCode"]["enum"] == list(rows)


def test_the_meaning_of_a_code_is_a_sentence(description: dict[str, Any]) -> None:
    meanings = re.findall(r"^\| `\w+` \| [0-9, ]+ \| (.+) \|$", description["info"]["description"], re.MULTILINE)

    assert [meaning for meaning in meanings if not re.fullmatch(r"[A-Z].*\.", meaning)] == []


def test_the_example_of_an_error_is_valid(client: TestClient, schemas: dict[str, Any]) -> None:
    assert ErrorOut.model_validate(ERROR).model_dump(mode="json") == ERROR
    assert ERROR["code"] in schemas["ErrorCode"]["enum"]
    assert client.get("/api/nothing/").json().keys() <= ERROR.keys()
    assert BodyNotJson.code in schemas["ErrorCode"]["enum"]


def test_the_refusals_of_analyze_are_documented_by_their_codes(description: dict[str, Any]) -> None:
    responses = description["paths"]["/api/analysis/analyze/"]["post"]["responses"]

    codes = {status: re.findall(r"`(\w+)`:", responses[status]["description"]) for status in ("403", "409", "422")}
    assert codes == {
        "403": [
            "api_key_not_allowed",
            "api_key_scope_missing",
            "max_urls_exceeded",
            "usage_limit_reached",
            "no_current_plan",
            "verified_email_required",
        ],
        "409": ["idempotency_key_in_use"],
        "422": ["invalid_request", "too_many_urls", "invalid_post_urls", "invalid_handle", "idempotency_key_reused"],
    }
    assert responses["429"]["headers"].keys() == {"Retry-After", "RateLimit", "RateLimit-Policy"}


def test_the_docs_page_finds_its_description_behind_the_stage(client: TestClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert 'data-description="/live/openapi.json"' in page.text


def test_the_description_names_the_stage_as_its_server(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/live"}]


def test_the_docs_page_needs_no_other_host_and_no_inline_script(client: TestClient) -> None:
    page = client.get("/docs")

    addresses = re.findall(r'(?:src|href|data-description)="([^"]*)"', page.text)
    assert addresses[0] == "data:,"
    assert len(addresses) == 5
    for address in addresses[1:]:
        assert address.startswith("/live/")
        assert client.get(address.removeprefix("/live")).status_code == 200
    assert re.findall(r"<script[^>]*>([^<]*)", page.text) == ["", ""]
    assert "style=" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "http" not in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self';")


def test_the_vendored_files_are_unchanged_and_have_their_licence() -> None:
    readme = (ASSETS_FOLDER / "README.md").read_text()
    sums = dict(re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", readme))

    assert sums.keys() == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for name, expected in sums.items():
        assert hashlib.sha256((ASSETS_FOLDER / name).read_bytes()).hexdigest() == expected
    assert "Apache License" in (ASSETS_FOLDER / "LICENSE").read_text()
