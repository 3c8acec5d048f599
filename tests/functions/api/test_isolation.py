"""Access control: every route, called without a token, by a stranger, by the owner of a row and by an administrator."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.routing import Route as PlainRoute
from starlette.testclient import TestClient

from tests.factories import create_post, create_request
from tests.functions.api.conftest import SignedIn
from tests.functions.api.routes import MATRIX, Route, address_of
from whyviral.throttling.models import RateWindow


def test_every_route_is_in_the_matrix_and_the_matrix_has_no_other(app: FastAPI) -> None:
    routes = [(route, route.methods or ()) for route in app.routes if isinstance(route, PlainRoute | APIRoute)]
    described = app.openapi()["paths"]

    assert MATRIX.keys() == {
        *((method, route.path) for route, methods in routes for method in methods if method != "HEAD"),
        *((method.upper(), path) for path in described for method in described[path]),
    }


@pytest.mark.parametrize("route", MATRIX, ids="{0[0]} {0[1]}".format)
def test_a_route_answers_each_caller_as_declared(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session, route: Route
) -> None:
    callers = {"stranger": sign_in(), "owner": sign_in(), "admin": sign_in(is_admin=True)}
    request = create_request(rows, callers["owner"].user, [create_post(rows)])
    rows.execute(delete(RateWindow))  # hits of other tests, which use the same client address
    rows.commit()
    method, path = route
    answers = MATRIX[route]

    def ask(headers: dict[str, str]) -> int:
        return client.request(method, address_of(path, request.id), json=answers.body, headers=headers).status_code

    statuses = {"anonymous": ask({})} | {name: ask(caller.headers) for name, caller in callers.items()}

    assert statuses == {
        "anonymous": answers.anonymous,
        "stranger": answers.stranger,
        "owner": answers.owner,
        "admin": answers.admin,
    }


def test_admin_routes_look_nonexistent_to_other_users(client: TestClient, free_user: SignedIn) -> None:
    hidden = client.get("/api/admin/users/", headers=free_user.headers).json()
    missing = client.get("/api/admin/nothing/", headers=free_user.headers).json()

    assert {**hidden, "request_id": ""} == {**missing, "request_id": ""}
