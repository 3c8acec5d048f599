"""`make bench`: measures the promises, prints a table and writes bench/results/latest.json."""

import json
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import imports, media, requests, system, worker
from bench.measurement import Measurement

_RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> None:
    """Measure everything, print the table and write the results; exits with 1 if a promise is not kept."""
    measurements: list[Measurement] = []
    table = Table("what", "measured", "unit", "promise", "kept")
    for measure in (imports.measure, requests.measure, media.measure, system.measure, worker.measure):
        measurements += measure()
    for one in measurements:
        table.add_row(one.what, f"{one.value:.3g}", one.unit, one.promise or "", one.verdict)
    Console().print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    report = {"machine": machine, "measurements": [one.as_dict() for one in measurements]}
    _RESULTS.write_text(json.dumps(report, indent=2) + "\n")
    if not all(one.is_kept for one in measurements):
        raise SystemExit(1)


main()
