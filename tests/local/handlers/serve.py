"""A small stack for tests to kill: starts one worker of each kind, prints their process ids and waits.

usage: python tests/local/handlers/serve.py LOG_FOLDER
"""

import sys
import threading
import time
from pathlib import Path

from local.aws.lambda_service import LambdaService
from local.aws.template import FunctionSpec


def main() -> None:
    functions = {
        name: FunctionSpec(name, f"tests.local.handlers.plain.{name}", timeout_s=3600) for name in ("echo", "sleep")
    }
    lambdas = LambdaService(functions, environment=lambda _: {}, log_folder=Path(sys.argv[1]))
    lambdas.invoke("echo", b"1")
    threading.Thread(target=lambdas.invoke, args=("sleep", b"3600"), daemon=True).start()
    while not lambdas.pids("sleep"):
        time.sleep(0.01)
    print(*lambdas.pids("echo"), *lambdas.pids("sleep"), flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
