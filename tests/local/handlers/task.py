"""A small worker: performs the action in DO, and reports its result if it has a task token.

usage: python local/bootstrap.py -m tests.local.handlers.task
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from whyviral.core import endpoints


def main() -> int:
    match os.environ["DO"].split():
        case ["describe"]:
            say = {"environment": dict(os.environ), "argv": sys.argv[1:], "path": sys.path[0]}
            print(json.dumps(say | {"twitterapi_url": endpoints.current().twitterapi_url}))  # noqa: T201
        case ["report"]:
            client = boto3.client("stepfunctions")
            client.send_task_heartbeat(taskToken=os.environ["TASK_TOKEN"])
            client.send_task_success(taskToken=os.environ["TASK_TOKEN"], output='{"outcome": "processed"}')
        case ["sleep", file]:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            with open(f"{file}.tmp", "w", encoding="utf-8") as pids:  # noqa: PTH123
                pids.write(f"{os.getpid()} {child.pid}")
            os.replace(f"{file}.tmp", file)  # noqa: PTH105
            time.sleep(3600)
        case ["litter", file]:
            Path(file).write_text(tempfile.mkdtemp(), encoding="utf-8")
            time.sleep(3600)
        case ["leave", status]:
            return int(status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
