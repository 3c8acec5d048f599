"""Entry point of a worker process: `python local/bootstrap.py <handler>` runs a handler under AWS's runtime client.

`python local/bootstrap.py -m <module>` runs a module instead, as the container of an ECS task does.

A worker differs from its deployed counterpart in two ways: the process ends with its parent, and the vendors' addresses
come from WHYVIRAL_ENDPOINTS. This file also runs built functions, under a Python with awslambdaric and with
PYTHONPATH=<build>:<layer>/python, where the package `local` cannot be imported.
"""

import json
import os
import runpy
import sys
from dataclasses import asdict
from pathlib import Path

from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints

ENDPOINTS_VARIABLE = "WHYVIRAL_ENDPOINTS"


def dump_endpoints(value: Endpoints) -> str:
    """Return the endpoints as a value of WHYVIRAL_ENDPOINTS."""
    return json.dumps(asdict(value) | {"stand_ins": sorted(value.stand_ins)})


def install_endpoints() -> None:
    """Use the vendors' addresses from WHYVIRAL_ENDPOINTS; without that variable, the real addresses."""
    text = os.environ.get(ENDPOINTS_VARIABLE)
    if text:
        fields = json.loads(text)
        endpoints.use(Endpoints(**fields | {"stand_ins": frozenset(fields.get("stand_ins", ()))}))


def _main() -> None:
    # Run by path, because the package `local` is not importable where a built function runs.
    runpy.run_path(str(Path(__file__).parent / "processes" / "lifetime.py"))["end_with_parent"]()
    # Lambda searches the function's folder first. Python has put the folder of this file into that place.
    sys.path[0] = os.environ.get("LAMBDA_TASK_ROOT") or str(Path.cwd())
    install_endpoints()
    module = "awslambdaric"
    if sys.argv[1] == "-m":
        module = sys.argv[2]
        del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
