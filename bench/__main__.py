"""`make bench`: measures the promises, prints a table and writes bench/results/latest.json.

`make bench PART=comparison` measures one part alone, and writes bench/results/comparison.json.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import chat, console, imports, media, requests, system, worker
from bench.comparison import ratios
from bench.measurement import Measurement

_RESULTS = Path(__file__).parent / "results"
_PARTS: Mapping[str, Callable[[], list[Measurement]]] = {
    "imports": imports.measure,
    "requests": requests.measure,
    "comparison": ratios.measure,
    "chat": chat.measure,
    "media": media.measure,
    "system": system.measure,
    "worker": worker.measure,
    "console": console.measure,
}


def main() -> None:
    """Measure everything or one part, print the table and write the results; exits with 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("part", nargs="?", choices=list(_PARTS), help="what to measure; everything by default")
    part: str | None = parser.parse_args().part
    measurements: list[Measurement] = []
    table = Table("what", "measured", "unit", "promise", "kept")
    for measure in _PARTS.values() if part is None else [_PARTS[part]]:
        measurements += measure()
    for one in measurements:
        table.add_row(one.what, f"{one.value:.3g}", one.unit, one.promise or "", one.verdict)
    Console().print(table)
    _RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    report = {"machine": machine, "measurements": [one.as_dict() for one in measurements]}
    (_RESULTS / f"{part or 'latest'}.json").write_text(json.dumps(report, indent=2) + "\n")
    if not all(one.is_kept for one in measurements):
        raise SystemExit(1)


main()
