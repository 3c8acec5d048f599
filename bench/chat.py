"""Streamed answers of one process, started as the Lambda Web Adapter starts it, beside 100 open streams."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench.measurement import Measurement
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from local.database.postgres import Postgres
from local.database.product import prepare
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY, STAND_IN_KEY
from local.stack.ports import find_free_port
from local.stand_ins.server.stand_in_server import running
from tests.factories import create_analysis, create_post, create_request, create_subscription, create_user
from whyviral.chat.models import ChatSession
from whyviral.core.database import build_engine, session_scope
from whyviral.core.endpoints import Endpoints

_ROOT = Path(__file__).parents[1]
_HOST = "api.example.com"
_SITE = "from local.bootstrap import install_endpoints\n\ninstall_endpoints()\n"
_CONTEXT = json.dumps({"requestId": "bench", "identity": {"sourceIp": "203.0.113.7"}})
_STREAMS, _EVERY_S, _LONE = 100, 0.2, 15
_POOL_SIZE = 8
_LONG = "Why? stand-in:tokens=400 stand-in:pause_ms=100"
_SHORT = "Why? stand-in:tokens=3 stand-in:pause_ms=1"
_SESSIONS = "/api/analysis/chat/sessions/"


@dataclass(frozen=True, slots=True)
class _Chat:
    """A session with the headers of its user."""

    session_id: str
    headers: dict[str, str]


def measure() -> list[Measurement]:
    """Measure the time to the first token of a lone stream, and of one beside 100 others."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres") as server, running() as stand_ins:
        database_url = prepare(server)
        engine = build_engine(database_url)
        with _application(Path(folder), database_url, stand_ins.url) as (base_url, process):
            chats = [_create_chat(engine, stand_ins.url) for _ in range(_STREAMS + 2 * _LONE)]
            figures = asyncio.run(_measure(base_url, stand_ins.url, process, engine, chats))
        engine.dispose()
    return figures


async def _measure(
    base_url: str, stand_ins_url: str, process: psutil.Process, engine: Engine, chats: list[_Chat]
) -> list[Measurement]:
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as http:
        vendor_s = statistics.median([await _first_token_of_the_vendor(http, stand_ins_url) for _ in range(_LONE)])
        await _first_token(http, base_url, chats.pop())  # the first call imports and connects
        lone_s = [await _first_token(http, base_url, chats.pop()) for _ in range(_LONE - 1)]
        memory_before = process.memory_info().rss
        open_streams = []
        for _ in range(_STREAMS):
            open_streams.append(asyncio.create_task(_read_whole(http, base_url, chats.pop())))
            await asyncio.sleep(_EVERY_S)
        beside_s = [await _first_token(http, base_url, chats.pop()) for _ in range(_LONE)]
        connections = await asyncio.to_thread(_count_connections, engine)
        grown_mb = (process.memory_info().rss - memory_before) / 1e6
        pieces = await asyncio.gather(*open_streams)
    alone_s, loaded_s = statistics.median(lone_s), statistics.median(beside_s)
    return [
        Measurement("first token of a streamed answer", alone_s * 1000, "ms"),
        Measurement("our share of it", (alone_s - vendor_s) * 1000, "ms"),
        Measurement(f"first token beside {_STREAMS} streams, against alone", loaded_s / alone_s, "times", at_most=3),
        Measurement(f"database connections with {_STREAMS} streams", connections, "connections", at_most=10),
        Measurement(f"memory that {_STREAMS} streams add", grown_mb, "MB", at_most=100),
        Measurement("streams that were read to their end", sum(pieces), "streams", at_least=_STREAMS),
    ]


async def _first_token(http: httpx.AsyncClient, base_url: str, chat: _Chat) -> float:
    started_mono_s = time.perf_counter()
    elapsed_s = 0.0
    async with _stream(http, base_url, chat, _SHORT) as response:
        async for line in response.aiter_lines():
            if line.startswith("event: token") and not elapsed_s:
                elapsed_s = time.perf_counter() - started_mono_s
    if not elapsed_s:
        raise RuntimeError("a stream had no token")
    return elapsed_s


async def _read_whole(http: httpx.AsyncClient, base_url: str, chat: _Chat) -> bool:
    async with _stream(http, base_url, chat, _LONG) as response:
        return "event: done" in [line async for line in response.aiter_lines()]


def _stream(http: httpx.AsyncClient, base_url: str, chat: _Chat, question: str) -> Any:
    path = f"{base_url}{_SESSIONS}{chat.session_id}/messages/stream/"
    headers = {"Host": _HOST, "x-amzn-request-context": _CONTEXT} | chat.headers
    return http.stream("POST", path, json={"content": question}, headers=headers)


async def _first_token_of_the_vendor(http: httpx.AsyncClient, stand_ins_url: str) -> float:
    body = {"contents": [{"role": "user", "parts": [{"text": _SHORT}]}]}
    url = f"{stand_ins_url}/gemini/v1/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse"
    started_mono_s = time.perf_counter()
    async with http.stream("POST", url, json=body, headers={"x-goog-api-key": STAND_IN_KEY}) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                return time.perf_counter() - started_mono_s
    raise RuntimeError("the stand-in streamed nothing")


def _count_connections(engine: Engine) -> int:
    """Return the connections of the application; ours is not one of them."""
    with engine.connect() as connection:
        query = "select count(*) from pg_stat_activity where application_name = 'whyviral' and pid <> pg_backend_pid()"
        return int(connection.execute(text(query)).scalar_one())


def _create_chat(engine: Engine, stand_ins_url: str) -> _Chat:
    with session_scope(engine) as session:
        clerk_user_id, email, chat_id = _create_rows(session)
    order = {"email": email, "overrides": {"sub": clerk_user_id}, "expires_in_seconds": 3_000}
    token = httpx.post(f"{stand_ins_url}/__control/tokens", json=order).raise_for_status().json()["token"]
    return _Chat(chat_id, {"Authorization": f"Bearer {token}"})


def _create_rows(session: Session) -> tuple[str, str, str]:
    user = create_user(session)
    create_subscription(session, user, plan="business")
    post = create_post(session)
    analysis = create_analysis(session, create_request(session, user, [post], status="COMPLETED"), post)
    chat = ChatSession(user_id=user.id, post_analysis_id=analysis.id)
    session.add(chat)
    session.flush()
    return user.clerk_user_id, str(user.email), str(chat.id)


@contextmanager
def _application(folder: Path, database_url: str, stand_ins_url: str) -> Iterator[tuple[str, psutil.Process]]:
    port = find_free_port()
    (folder / "sitecustomize.py").write_text(_SITE)
    local = Endpoints(
        gemini_url=f"{stand_ins_url}/gemini",
        clerk_api_url=f"{stand_ins_url}/clerk/v1",
        clerk_frontend_url=f"{stand_ins_url}/clerk",
        stand_ins=frozenset({"clerk", "gemini"}),
    )
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT / "layers" / "common")]),
        "LAMBDA_TASK_ROOT": str(_ROOT),
        "LAMBDA_RUNTIME_DIR": str(folder),
        ENDPOINTS_VARIABLE: dump_endpoints(local),
        "AWS_LWA_PORT": str(port),
        "SUPABASE_DB_URL": database_url,
        "DB_POOL_SIZE": str(_POOL_SIZE),
        "CLERK_PUBLISHABLE_KEY": CLERK_STAND_IN_PUBLISHABLE_KEY,
        "CLERK_SECRET_KEY": CLERK_STAND_IN_SECRET_KEY,
        "GEMINI_API_KEY": STAND_IN_KEY,
        "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:bench",
        "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
        "PUBLIC_BASE_URL": "https://api.example.com/live",
        "ALLOWED_HOSTS": _HOST,
        "FRONTEND_URL": "https://app.example.com",
        "SUPABASE_URL": "https://project.supabase.co",
        "DODO_API_KEY": "bench",
        "DODO_MODE": "test",
    }
    with subprocess.Popen([_ROOT / "functions/api/run.sh"], env=environment, stdout=subprocess.DEVNULL) as process:
        base_url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(f"{base_url}/health/live/")
            yield base_url, psutil.Process(process.pid)
        finally:
            process.kill()


def _wait_until_ready(url: str) -> None:
    deadline_mono_s = time.monotonic() + 60
    while time.monotonic() < deadline_mono_s:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the application did not start")
