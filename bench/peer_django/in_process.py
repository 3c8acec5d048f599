"""Times requests in this process, through the WSGI application, without sockets.

Reads one order a line from standard input, `{"path", "token", "number"}`, and answers each with one line on standard
output: `{"times_s", "cpu_s", "status", "body"}`: the processor time of all requests, and the last answer.
"""

import io
import json
import sys
import time

from peer.wsgi import application


def environ_of(path, token):
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example.com",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def call(environ):
    lines = []
    answer = application(environ, lambda line, _headers, _exc_info=None: lines.append(line))
    body = b"".join(answer)
    answer.close()
    return int(lines[0][:3]), body


def run(order):
    times_s = []
    cpu_s = time.process_time()
    for _ in range(order["number"]):
        environ = environ_of(order["path"], order["token"])
        started = time.perf_counter()
        status, body = call(environ)
        times_s.append(time.perf_counter() - started)
    cpu_s = time.process_time() - cpu_s
    return {"times_s": times_s, "cpu_s": cpu_s, "status": status, "body": body.decode()}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
