"""A small stack for tests to kill: runs a task and waits.

usage: python tests/local/handlers/serve_task.py FOLDER
"""

import sys
import threading
from pathlib import Path

from local.aws.tasks import TaskService
from local.aws.template import TaskSpec


def main() -> None:
    folder = Path(sys.argv[1])
    specs = {"Work": TaskSpec("Work", "work", "tests.local.handlers.task")}
    tasks = TaskService(specs, environment=lambda _: {"DO": f"sleep {folder / 'pids'}"}, log_folder=folder)
    threading.Thread(target=tasks.run, args=("Work", {"work": {}})).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
