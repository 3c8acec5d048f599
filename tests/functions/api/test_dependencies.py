"""The transaction of a request."""

from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from functions.api.dependencies import SessionDep
from functions.api.transactions import TransactionRoute


def _show_read_only(session: SessionDep) -> str:
    return str(session.scalar(text("show transaction_read_only")))


def test_the_transaction_of_a_get_is_read_only_and_that_of_a_post_is_not(app: FastAPI) -> None:
    router = APIRouter(route_class=TransactionRoute)
    router.add_api_route("/", _show_read_only, methods=["GET", "POST"])
    probe = FastAPI()
    probe.include_router(router, prefix="/probe")
    probe.state.services = app.state.services
    client = TestClient(probe)

    # A POST after a GET and a GET after a POST, because they share one connection.
    answers = [client.request(method, "/probe/").json() for method in ("GET", "POST", "GET")]

    assert answers == ["on", "off", "on"]
