"""A proxy in front of the emulator, which records who made which call of AWS."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

_CREDENTIAL = re.compile(r"Credential=(?P<caller>\w+)/\d+/(?P<region>[\w-]+)/(?P<service>\w+)/aws4_request")
_RESOURCES = ("stateMachineArn", "executionArn", "QueueUrl", "tasks")
"""The fields of requests that name a resource."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the access key of the caller, the IAM action, and the resource's ARN, or `*` if it has none."""

    caller: str
    action: str
    resource: str


class Recorder:
    """The calls that were made so far; the caller's access key is its name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: list[Call] = []

    def add(self, authorization: str, target: str, body: bytes, *, account: str) -> None:
        """Record a call of a service whose protocol names the operation in `X-Amz-Target`."""
        found = _CREDENTIAL.search(authorization)
        assert found is not None, authorization
        # One action allows both. Source: Amazon SQS, "Amazon SQS API permissions" (2026-11-28).
        operation = target.rpartition(".")[2].replace("SendMessageBatch", "SendMessage")
        assert operation, f"{found['caller']} called {found['service']} in an unknown protocol"
        resource = _resource(json.loads(body), region=found["region"], account=account)
        with self._lock:
            self._calls.append(Call(found["caller"], f"{found['service']}:{operation}", resource))

    def of(self, caller: str) -> set[Call]:
        """Return the different calls of one caller."""
        with self._lock:
            return {call for call in self._calls if call.caller == caller}


def _resource(request: dict[str, Any], *, region: str, account: str) -> str:
    for name in _RESOURCES:
        value = request.get(name)
        if name == "QueueUrl" and value:
            return f"arn:aws:sqs:{region}:{account}:{value.rpartition('/')[2]}"
        if value:
            return str(value[0] if isinstance(value, list) else value)
    return "*"


@contextmanager
def recording(upstream: str, *, account: str) -> Iterator[tuple[str, Recorder]]:
    """Run the proxy; yields its address and what it records."""
    recorder = Recorder()
    target = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            recorder.add(self.headers["Authorization"], self.headers.get("X-Amz-Target", ""), body, account=account)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection = HTTPConnection(str(target.hostname), target.port)
            try:
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "connection", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", recorder
        finally:
            server.shutdown()
            thread.join()
