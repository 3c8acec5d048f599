"""Reads the metrics that a process has written, as CloudWatch would."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one metric."""

    name: str
    value: float
    dimensions: tuple[tuple[str, str], ...]
    """Those of the largest set; a total has a smaller one beside it."""
    namespace: str = "whyviral/local"


def metrics_in(lines: str | Iterable[str]) -> list[Value]:
    """Return the values in the lines of a log, in order."""
    return list(_values(lines.splitlines() if isinstance(lines, str) else lines))


def _values(lines: Iterable[str]) -> Iterator[Value]:
    for line in lines:
        document = _document(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            names = max(directive["Dimensions"], key=len)
            dimensions = tuple((name, document[name]) for name in names)
            for metric in directive["Metrics"]:
                for value in document[metric["Name"]]:
                    yield Value(metric["Name"], value, dimensions, directive["Namespace"])


def _document(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
