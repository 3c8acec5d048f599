"""Both services over one database with the same rows: ours and the Django peer."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import make_url

from bench.comparison import rows
from bench.comparison.in_process import HOST
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from local.database.postgres import Postgres
from local.database.product import NAME, prepare
from local.stack.accounts import create_token
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY, STAND_IN_KEY
from local.stack.system import API_POOL_SIZE
from local.stand_ins.clerk.tokens import ISSUER
from local.stand_ins.server.stand_in_server import running
from whyviral.accounts.profiles import Profile
from whyviral.accounts.service import create_user
from whyviral.core.database import build_engine, session_scope
from whyviral.core.endpoints import Endpoints

ROOT = Path(__file__).parents[2]
PEER = Path(__file__).parents[1] / "peer_django"
PEER_PYTHON = ROOT / ".tools" / "peer-django" / "bin" / "python"
PROCESSES = 2
"""Processes of each service."""
_START_S = 60
_STOP_S = 10


@dataclass(frozen=True, slots=True)
class Data:
    """A database with rows, and the token of one of its users."""

    database_url: str
    token: str
    request_id: str
    stand_ins_url: str
    public_key_file: Path

    @property
    def paths(self) -> dict[str, str]:
        """The routes that are compared, by name."""
        return {
            "me/": "/api/accounts/me/",
            "usage/limits/": "/api/accounts/usage/limits/",
            "requests/": "/api/analysis/requests/",
            "requests/<id>/": f"/api/analysis/requests/{self.request_id}/",
            "posts/analysis/<id>/": f"/api/social/posts/analysis/{self.request_id}/",
        }

    def ours(self, database_url: str, *, pool_size: str) -> dict[str, str]:
        """Return the environment of our API."""
        endpoints = Endpoints(
            clerk_api_url=f"{self.stand_ins_url}/clerk/v1",
            clerk_frontend_url=f"{self.stand_ins_url}/clerk",
            stand_ins=frozenset({"clerk"}),
        )
        return {
            "PATH": os.environ["PATH"],
            "SUPABASE_DB_URL": database_url,
            "DB_POOL_SIZE": pool_size,
            "CLERK_PUBLISHABLE_KEY": CLERK_STAND_IN_PUBLISHABLE_KEY,
            "CLERK_SECRET_KEY": CLERK_STAND_IN_SECRET_KEY,
            "GEMINI_API_KEY": STAND_IN_KEY,
            "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:bench",
            "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
            "PUBLIC_BASE_URL": f"http://{HOST}",
            "FRONTEND_URL": f"http://{HOST}",
            "SUPABASE_URL": f"http://{HOST}",
            "DODO_API_KEY": "bench",
            "DODO_MODE": "test",
            "ALLOWED_HOSTS": HOST,
            ENDPOINTS_VARIABLE: dump_endpoints(endpoints),
        }

    def peers(self, database_url: str) -> dict[str, str]:
        """Return the environment of the Django service."""
        return {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "JWT_ISSUER": ISSUER,
            "JWT_PUBLIC_KEY_FILE": str(self.public_key_file),
        }


@contextmanager
def prepared(*, users: int, requests: int) -> Iterator[Data]:
    """Start a database with `users` users, each with `requests` requests, and Clerk's stand-in."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres") as server, running() as stand_ins:
        database_url = prepare(server)
        callers = [create_token(stand_ins.url, f"bench-{number}@whyviral.example") for number in range(users)]
        request_ids = [_fill(server.url_of(NAME), clerk_user_id, requests) for _, clerk_user_id in callers]
        keys = httpx.get(f"{stand_ins.url}/clerk/.well-known/jwks.json", timeout=10).raise_for_status().json()
        key: Any = jwt.PyJWKSet.from_dict(keys).keys[0].key
        public_key_file = Path(folder) / "public.pem"
        public_key_file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        yield Data(database_url, callers[0][0], request_ids[0], stand_ins.url, public_key_file)


def _fill(database_url: str, clerk_user_id: str, requests: int) -> str:
    engine = build_engine(database_url, socket_timeout_s=None)
    try:
        with session_scope(engine) as session:
            user = create_user(session, clerk_user_id, Profile(email=f"{clerk_user_id}@whyviral.example"))
            newest = rows.fill(session, user, requests=requests, today=datetime.now(UTC))
            rows.analyse_tables(session)
    finally:
        engine.dispose()
    return str(newest)


@contextmanager
def delayed(database_url: str, delay_ms: float) -> Iterator[str]:
    """Return a URL of the database behind a network that delays each answer; without a delay, its own URL."""
    if delay_ms == 0:
        yield database_url
        return
    url = make_url(database_url)
    command = [sys.executable, "-m", "bench.comparison.delaying_proxy", str(url.host), str(url.port), str(delay_ms)]
    with _process(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE) as process:
        port = int((process.stdout or sys.stdin).readline())
        yield url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Timed:
    """The times of equal requests, and the last answer."""

    times_s: list[float]
    cpu_s: float
    """The processor time of all requests together."""
    status: int
    body: str


class InProcess:
    """A service in its own process that times requests without sockets."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, path: str, token: str, *, number: int) -> Timed:
        """Send a request `number` times.

        Raises:
            RuntimeError: the last answer is not 200, or the process has ended.
        """
        order = json.dumps({"path": path, "token": token, "number": number})
        orders, results = self._process.stdin, self._process.stdout
        if orders is None or results is None:
            raise RuntimeError("the process was started without pipes")
        orders.write(f"{order}\n")
        orders.flush()
        line = results.readline()
        if not line:
            raise RuntimeError("the process that times requests has ended")
        found = Timed(**json.loads(line))
        if found.status != HTTPStatus.OK:
            raise RuntimeError(f"{path} was answered with {found.status}: {found.body}")
        return found


@contextmanager
def in_process(data: Data, database_url: str) -> Iterator[tuple[InProcess, InProcess]]:
    """Start our application and Django's, each in one process with one connection to the database."""
    ours = [sys.executable, "-m", "bench.comparison.in_process"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        _process(ours, cwd=ROOT, env=data.ours(database_url, pool_size="1"), **pipes) as our_process,
        _process([PEER_PYTHON, "in_process.py"], cwd=PEER, env=data.peers(database_url), **pipes) as peer_process,
    ):
        yield InProcess(our_process), InProcess(peer_process)


@contextmanager
def served(data: Data, database_url: str) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Serve our application by uvicorn and Django's by gunicorn, with two processes each; yields the ports of each.

    The uvicorn processes have a port each: behind a shared one, the process that wakes first accepts all connections
    that wait and keeps them, while the other one idles. Gunicorn's sync workers share a port, because they take one
    connection for each request.
    """
    our_ports, peer_port = [_free_port() for _ in range(PROCESSES)], _free_port()
    silent = {"stdout": subprocess.DEVNULL}
    with ExitStack() as processes:
        for port in our_ports:
            env = data.ours(database_url, pool_size=API_POOL_SIZE)
            processes.enter_context(_process(_uvicorn(port), cwd=ROOT, env=env, **silent))
        processes.enter_context(_process(_gunicorn(peer_port), cwd=PEER, env=data.peers(database_url), **silent))
        for port in (*our_ports, peer_port):
            _wait_until_served(port, data)
        yield our_ports, [peer_port]


def _uvicorn(port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.comparison.served:create", "--port", str(port)]
    return [*command, "--no-access-log", "--log-level", "warning", "--no-proxy-headers"]


def _gunicorn(port: int) -> list[str | Path]:
    command: list[str | Path] = [PEER_PYTHON, "-m", "gunicorn", "peer.wsgi", "-w", str(PROCESSES), "-k", "sync"]
    return [*command, "--log-level", "warning", "-b", f"127.0.0.1:{port}"]


@contextmanager
def _process(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], **pipes: int
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, cwd=cwd, env=env, text=True, **pipes) as process:  # type: ignore[call-overload] # pipes
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_served(port: int, data: Data) -> None:
    deadline = time.monotonic() + _START_S
    headers = {"Host": HOST, "Authorization": f"Bearer {data.token}"}
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/accounts/me/", headers=headers, timeout=10).raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
