"""Warm requests through Mangum, against a bare FastAPI application that sends the same number of SQL statements."""

import tempfile
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from mangum import Mangum
from pydantic import HttpUrl, SecretStr
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from bench.measurement import Measurement, paired_ratio
from functions.api.app import create_app
from functions.api.settings import ApiSettings
from local.accounts import create_token
from local.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY
from local.database import prepare
from local.postgres import Postgres
from local.stand_ins.server import running
from whyviral.core import endpoints
from whyviral.core.database import build_engine
from whyviral.core.endpoints import Endpoints

_RUNS = 200
_PATH = "/api/analysis/requests/"


def measure() -> list[Measurement]:
    """Compare a list of requests with a bare application."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres") as server, running() as stand_ins:
        database_url = prepare(server)
        endpoints.use(
            Endpoints(
                clerk_api_url=f"{stand_ins.url}/clerk/v1",
                clerk_frontend_url=f"{stand_ins.url}/clerk",
                stand_ins=frozenset({"clerk"}),
            )
        )
        token, _ = create_token(stand_ins.url, "bench@whyviral.example")
        ours = _caller(_our_app(database_url), token)
        engine = build_engine(database_url)
        statements = _count_statements(ours)
        bare = _caller(_bare_app(engine, statements), token)
        seconds, ratio = paired_ratio(ours, bare, runs=_RUNS)
        engine.dispose()
    return [
        Measurement("SQL statements of GET requests/", statements, "statements", at_most=5),
        Measurement("GET requests/ through Mangum, warm", seconds * 1000, "ms"),
        Measurement("the same against a bare application", ratio, "times"),
    ]


def _our_app(database_url: str) -> FastAPI:
    settings = ApiSettings(
        supabase_db_url=SecretStr(database_url),
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr(CLERK_STAND_IN_SECRET_KEY),
        state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:bench",
        public_base_url=HttpUrl("https://api.example.com"),
        allowed_hosts=("*",),
    )
    return create_app(settings)


def _bare_app(engine: Engine, statements: int) -> FastAPI:
    app = FastAPI()

    @app.get(_PATH)
    def answer() -> dict[str, Any]:
        with Session(engine) as session:  # its own set_config comes with `after_begin`, as for every session
            for number in range(statements):
                session.execute(text("select cast(:number as int)"), {"number": number})
            session.commit()
        return {"count": 0, "next": None, "previous": None, "results": []}

    return app


def _caller(app: FastAPI, token: str) -> Callable[[], None]:
    """Return a function that sends one request the way API Gateway does."""
    handler = Mangum(app, lifespan="off")
    request = {
        "resource": "/{proxy+}",
        "path": _PATH,
        "httpMethod": "GET",
        "headers": {"host": "api.example.com", "authorization": f"Bearer {token}"},
        "multiValueHeaders": {"host": ["api.example.com"], "authorization": [f"Bearer {token}"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": _PATH.strip("/")},
        "requestContext": {"requestId": str(uuid.uuid4()), "stage": "live", "identity": {"sourceIp": "127.0.0.1"}},
        "body": None,
        "isBase64Encoded": False,
    }

    def send() -> None:
        answer = handler(dict(request), cast("Any", None))  # no route looks at the context
        if answer["statusCode"] != HTTPStatus.OK:
            raise RuntimeError(answer["body"])

    return send


def _count_statements(send: Callable[[], None]) -> int:
    """Return how many statements a warm request sends, without the time limit of its transaction."""
    send()  # the first sight of the user
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "set_config" not in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        send()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(seen)
