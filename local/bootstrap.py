"""What a worker process starts: `python local/bootstrap.py <handler>` runs a handler under AWS's own runtime client.

`python local/bootstrap.py -m <module>` runs a module instead, as the container of an ECS task does.

It differs from what runs on AWS in two ways only: the process ends with the one that started it, and the vendors'
addresses come from WHYVIRAL_ENDPOINTS. It also runs built functions, under a Python that has awslambdaric and with
PYTHONPATH=<build>:<layer>/python; therefore nothing here is imported from `local`.
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
    """Return the value of WHYVIRAL_ENDPOINTS that makes `install_endpoints` use `value`."""
    return json.dumps(asdict(value) | {"stand_ins": sorted(value.stand_ins)})


def install_endpoints() -> None:
    """Use the vendors' addresses that WHYVIRAL_ENDPOINTS holds; without it the real ones stay."""
    text = os.environ.get(ENDPOINTS_VARIABLE)
    if text:
        fields = json.loads(text)
        endpoints.use(Endpoints(**fields | {"stand_ins": frozenset(fields.get("stand_ins", ()))}))


def _main() -> None:
    # The sibling file is run by its path: where a built function runs, there is no package `local` to import it from.
    runpy.run_path(str(Path(__file__).parent / "processes" / "lifetime.py"))["end_with_parent"]()
    # As on Lambda modules are looked for in the function's folder first; Python put the folder of this file there.
    sys.path[0] = os.environ.get("LAMBDA_TASK_ROOT") or str(Path.cwd())
    install_endpoints()
    module = "awslambdaric"
    if sys.argv[1] == "-m":
        module = sys.argv[2]
        del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
