"""One Lambda sandbox: a worker process under AWS's runtime client, and the Runtime API endpoint that it polls.

Source: AWS Lambda, "Using the Lambda runtime API". Errors for a timeout, an exited process or a failed import have the
wording of AWS, because the state machine's Retry and Catch match on it.
"""

import json
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from socketserver import ThreadingTCPServer
from sys import exception
from typing import Any

from local.aws.template import FunctionSpec

_PREFIX = "/2018-06-01/runtime"
_INIT_LIMIT_S = 30.0
"""The time limit from a process's start to its first poll. AWS allows 10 s; a busy small machine may need more."""
_SHUTDOWN_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Invocation:
    """The result of a call: the handler's answer or, if `function_error` is set, the description of an error."""

    payload: bytes
    function_error: str | None = None


class Moment(Enum):
    """The points of an invocation at which a sandbox calls its invocation hook."""

    HANDED = auto()
    """Before the process receives the invocation."""
    ANSWERED = auto()
    """After the handler has returned and before the caller receives the answer."""


type InvocationHook = Callable[[Moment, "Sandbox", bytes], None]
"""Called with each invocation's payload; may `end` the sandbox, as AWS may at any time."""


def no_hook(_moment: Moment, _sandbox: "Sandbox", _payload: bytes) -> None:
    """Do nothing; the default invocation hook."""


def _platform_error(error_type: str, request_id: str, message: str) -> Invocation:
    body = {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}
    return Invocation(json.dumps(body).encode(), "Unhandled")


def _exit_message(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {(signal.strsignal(-status) or str(-status)).lower()}"


@dataclass(slots=True)
class _Call:
    """One invocation in the sandbox; several threads may call `finish`, and the first call decides."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_mono_s: float = 0.0  # set before `handed`
    handed: threading.Event = field(default_factory=threading.Event)
    answer: Future[Invocation] = field(default_factory=Future)

    def finish(self, invocation: Invocation) -> None:
        with suppress(InvalidStateError):
            self.answer.set_result(invocation)
        self.handed.set()


class Sandbox:
    """Runs one function, one invocation at a time; after a failed start, an exit or a timeout it is not used again."""

    def __init__(
        self,
        spec: FunctionSpec,
        start: Callable[[str], subprocess.Popen[bytes]],
        *,
        invocation_hook: InvocationHook = no_hook,
    ) -> None:
        """Start the process.

        Args:
            spec: The function.
            start: Starts a worker that polls the given host:port. It must start the process from a thread that lives
                as long as the process should.
            invocation_hook: Called in the thread that continues the invocation afterwards.
        """
        self.spec = spec
        self._invocation_hook = invocation_hook
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._current: _Call | None = None
        self._failure: Callable[[str], Invocation] | None = None
        self._server = _RuntimeApi(self)
        threading.Thread(target=self._server.serve_forever, args=(_SHUTDOWN_POLL_S,), daemon=True).start()
        try:
            self._process = start("{}:{}".format(*self._server.server_address[:2]))
        except BaseException:
            self._close_server()
            raise
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process id of the worker."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """Whether the sandbox can run another invocation."""
        return self._failure is None and self._process.poll() is None

    def invoke(self, payload: bytes) -> Invocation:
        """Run the handler once and return its result, or a timeout error once the function's timeout has passed."""
        call = _Call(payload)
        self._current = call
        if self._failure is not None:  # the process exited before `_current` was set
            call.finish(self._failure(call.request_id))
        self._calls.put(call)
        if not call.handed.wait(_INIT_LIMIT_S):
            return self._time_out(call, _INIT_LIMIT_S)
        try:
            return call.answer.result(timeout=max(0.0, call.deadline_mono_s - time.monotonic()))
        except TimeoutError:
            return self._time_out(call, self.spec.timeout_s)

    def end(self) -> None:
        """Kill the process and fail its current call; `join` waits until its resources are closed."""
        killed = _exit_message(-signal.SIGKILL)
        self.fail(lambda request_id: _platform_error("Runtime.ExitError", request_id, killed))
        self._process.kill()

    def join(self) -> None:
        """Wait until the process has ended and its port is closed."""
        self._watcher.join()

    def next_call(self) -> _Call | None:
        """Wait for an invocation, start its timeout and return it; None if the process has ended."""
        call = self._calls.get()
        if call is not None:
            call.deadline_mono_s = time.monotonic() + self.spec.timeout_s
            self._invocation_hook(Moment.HANDED, self, call.payload)
            call.handed.set()
        return call

    def answer(self, request_id: str, invocation: Invocation) -> bool:
        """Finish the current invocation; returns False if `request_id` is not the current one."""
        call = self._current
        if call is None or call.request_id != request_id:
            return False
        self._invocation_hook(Moment.ANSWERED, self, call.payload)
        call.finish(invocation)
        return True

    def fail(self, describe: Callable[[str], Invocation]) -> None:
        """Fail the current invocation, or the next one, and make this sandbox unusable."""
        if self._failure is None:
            self._failure = describe
        call = self._current
        if call is not None:
            call.finish(self._failure(call.request_id))

    def _time_out(self, call: _Call, limit_s: float) -> Invocation:
        timed_out = _platform_error("Sandbox.Timedout", call.request_id, f"Task timed out after {limit_s:.2f} seconds")
        self.fail(lambda _: timed_out)
        self.end()
        return timed_out

    def _watch(self) -> None:
        status = self._process.wait()
        message = _exit_message(status)
        self.fail(lambda request_id: _platform_error("Runtime.ExitError", request_id, message))
        self._calls.put(None)
        self._close_server()

    def _close_server(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _RuntimeApi(ThreadingTCPServer):
    """Serves one sandbox on its own loopback port, because the runtime client accepts only a host and a port."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", 0), _Routes)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a lost connection to the worker: its exit status reports the same."""
        if not isinstance(exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Routes(BaseHTTPRequestHandler):
    """The four routes of the Runtime API."""

    protocol_version = "HTTP/1.1"
    # Header and body are sent in one segment. With two, Nagle's algorithm waits for the client's delayed ACK, 40 ms a
    # call.
    wbufsize = -1
    server: _RuntimeApi

    def do_GET(self) -> None:
        """Answer `invocation/next`, which blocks until there is an invocation."""
        if self.path != f"{_PREFIX}/invocation/next":
            return self._send(HTTPStatus.NOT_FOUND)
        call = self.server.sandbox.next_call()
        if call is None:
            self.close_connection = True
            return None
        deadline_ms = int((time.time() + call.deadline_mono_s - time.monotonic()) * 1000)
        return self._send(
            HTTPStatus.OK,
            call.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": call.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.sandbox.spec.arn,
            },
        )

    def do_POST(self) -> None:
        """Answer `invocation/<id>/response`, `invocation/<id>/error` and `init/error`."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sandbox = self.server.sandbox
        match self.path.removeprefix(_PREFIX).strip("/").split("/"):
            case ["init", "error"]:
                sandbox.fail(lambda _: Invocation(body, "Unhandled"))
                self._send(HTTPStatus.ACCEPTED)
            case ["invocation", request_id, "response" | "error" as outcome]:
                invocation = Invocation(body, "Unhandled" if outcome == "error" else None)
                is_current = sandbox.answer(request_id, invocation)
                self._send(HTTPStatus.ACCEPTED if is_current else HTTPStatus.BAD_REQUEST)
            case _:
                self._send(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Log nothing; the worker has its own log."""

    def _send(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
