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
from local.database.postgres import Postgres
from local.database.product import prepare
from local.stack.accounts import create_token
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY, STAND_IN_KEY
from local.stand_ins.server.stand_in_server import running
from whyviral.core import endpoints
from whyviral.core.database import build_engine
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.dodo.mode import DodoMode

_RUNS = 200
_LIST = "/api/analysis/requests/"
_ME = "/api/accounts/me/"


def measure() -> list[Measurement]:
    """Compare the profile of the caller, and a list of requests, with a bare application."""
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
        app = _our_app(database_url)
        engine = build_engine(database_url)
        measurements = [
            *_compare("GET me/", _ME, app, engine, token, at_most=2),
            *_compare("GET requests/", _LIST, app, engine, token),
        ]
        engine.dispose()
    return measurements


def _compare(
    name: str, path: str, app: FastAPI, engine: Engine, token: str, *, at_most: float | None = None
) -> list[Measurement]:
    """Measure a path against a bare application that sends as many statements, the record of the request included."""
    ours = _caller(app, path, token)
    statements = _count_statements(ours)
    bare = _caller(_bare_app(engine, path, statements), path, token)
    seconds, ratio = paired_ratio(ours, bare, runs=_RUNS)
    return [
        Measurement(f"SQL statements of {name}, without its record", statements - 1, "statements", at_most=5),
        Measurement(f"{name} through Mangum, warm", seconds * 1000, "ms"),
        Measurement("the same against a bare application", ratio, "times", at_most=at_most),
    ]


def _our_app(database_url: str) -> FastAPI:
    settings = ApiSettings(
        supabase_db_url=SecretStr(database_url),
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr(CLERK_STAND_IN_SECRET_KEY),
        gemini_api_key=SecretStr(STAND_IN_KEY),
        state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:bench",
        delivery_queue_url="https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
        public_base_url=HttpUrl("https://api.example.com"),
        frontend_url=HttpUrl("https://app.example.com"),
        supabase_url=HttpUrl("https://project.supabase.co"),
        dodo_api_key=SecretStr("bench"),
        dodo_mode=DodoMode.TEST,
        allowed_hosts=("*",),
    )
    return create_app(settings)


def _bare_app(engine: Engine, path: str, statements: int) -> FastAPI:
    app = FastAPI()

    @app.get(path)
    def answer() -> dict[str, Any]:
        with Session(engine) as session:  # its own set_config comes with `after_begin`, as for every session
            for number in range(statements):
                session.execute(text("select cast(:number as int)"), {"number": number})
            session.commit()
        return {"count": 0, "next": None, "previous": None, "results": []}

    return app


def _caller(app: FastAPI, path: str, token: str) -> Callable[[], None]:
    """Return a function that sends one request the way API Gateway does."""
    handler = Mangum(app, lifespan="off")
    request = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {"host": "api.example.com", "authorization": f"Bearer {token}"},
        "multiValueHeaders": {"host": ["api.example.com"], "authorization": [f"Bearer {token}"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.strip("/")},
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
