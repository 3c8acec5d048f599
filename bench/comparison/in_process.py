"""Times requests of our API in this process, through Mangum as on Lambda, without sockets.

`bench/peer_django/in_process.py` does the same for Django. Reads one order per line from standard input, `{"path",
"token", "number"}`, and answers each with one line on standard output, `{"times_s", "cpu_s", "status", "body"}`:
the processor time of all threads for all requests, and the last answer.
"""

import json
import os
import sys
import time
import uuid
from typing import Any, cast

from mangum import Mangum

from local.bootstrap import install_endpoints

HOST = "api.example.com"


def event_of(path: str, token: str) -> dict[str, Any]:
    """Return a GET request as API Gateway sends it to a Lambda function."""
    headers = {"host": HOST, "authorization": f"Bearer {token}"}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.strip("/")},
        "requestContext": {"requestId": str(uuid.uuid4()), "stage": "live", "identity": {"sourceIp": "127.0.0.1"}},
        "body": None,
        "isBase64Encoded": False,
    }


def run(handler: Mangum, order: dict[str, Any]) -> dict[str, Any]:
    """Send the requests of one order."""
    times_s: list[float] = []
    answer: dict[str, Any] = {}
    cpu_s = time.process_time()
    for _ in range(order["number"]):
        event = event_of(order["path"], order["token"])
        started = time.perf_counter()
        answer = handler(event, cast("Any", None))  # no route looks at the context
        times_s.append(time.perf_counter() - started)
    cpu_s = time.process_time() - cpu_s
    return {"times_s": times_s, "cpu_s": cpu_s, "status": answer["statusCode"], "body": answer["body"]}


def main() -> None:
    """Answer orders until standard input ends."""
    install_endpoints()
    from functions.api.handler import handler  # noqa: PLC0415 - built from the environment when it is imported

    with os.fdopen(os.dup(1), "w") as results:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # loggers write to standard output
        for line in sys.stdin:
            print(json.dumps(run(handler, json.loads(line))), file=results, flush=True)


if __name__ == "__main__":
    main()
