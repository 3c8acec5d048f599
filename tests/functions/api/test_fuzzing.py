"""Requests generated from the OpenAPI description: none breaks the API, and every answer is documented."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import delete
from sqlalchemy.orm import Session

from tests.fixtures.proof_scale import scaled
from tests.functions.api.conftest import HOST, SignedIn
from tests.functions.api.routes import MATRIX, Route
from whyviral.throttling.models import RateWindow

DESCRIBED = [route for route in MATRIX if route[1].startswith(("/api/", "/health/"))]
ANY_TEXT = {("GET", "/api/shared/{token}/")}
"""Routes whose only parameter may be any text, so that no request is invalid."""
A_FEW = 4
MANY = scaled(100)
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Fuzzer:
    """Sends generated requests to one route after the other. The requests are the same in each run."""

    def __init__(self, app: FastAPI, sign_in: Callable[..., SignedIn], rows: Session) -> None:
        self._schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": HOST})
        self._described = app.openapi()["paths"]
        self._sign_in = sign_in
        self._rows = rows

    def can_be_wrong(self, route: Route) -> bool:
        """Whether a request to the route has any part that can be invalid."""
        operation = self._described[route[1]][route[0].lower()]
        return route not in ANY_TEXT and ("parameters" in operation or "requestBody" in operation)

    def fuzz(self, route: Route, *, examples: int, mode: GenerationMode) -> Counter[int]:
        """Check the answers and return the number of answers by status."""
        method, path = route
        headers = self._sign_in("business", is_admin=True).headers | {
            "Host": HOST
        }  # a separate user, whose session one of the requests may end
        self._rows.execute(delete(RateWindow))
        self._rows.commit()
        statuses: Counter[int] = Counter()

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self._schema[path][method].as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case[Any]) -> None:
            reply = case.call(headers=headers)
            statuses[reply.status_code] += 1
            case.validate_response(reply, checks=CHECKED)

        check()
        return statuses

    def fuzz_all(self, examples: int) -> None:
        """Send valid and invalid requests to every route that answers in JSON."""
        for route in DESCRIBED:
            if route[1] not in self._described:
                continue
            statuses = self.fuzz(route, examples=examples, mode=GenerationMode.POSITIVE)
            assert statuses.keys() != {401} or route[1].endswith("/login/"), route
            if self.can_be_wrong(route):
                self.fuzz(route, examples=examples, mode=GenerationMode.NEGATIVE)


@pytest.fixture
def fuzzer(app: FastAPI, sign_in: Callable[..., SignedIn], rows: Session) -> Fuzzer:
    return Fuzzer(app, sign_in, rows)


def test_a_few_generated_requests_get_documented_answers(fuzzer: Fuzzer) -> None:
    fuzzer.fuzz_all(A_FEW)


@pytest.mark.proof
def test_many_generated_requests_get_documented_answers(fuzzer: Fuzzer) -> None:
    fuzzer.fuzz_all(MANY)
