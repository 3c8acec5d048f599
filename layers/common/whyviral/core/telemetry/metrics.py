"""Writes values of metrics as log lines in CloudWatch's embedded metric format (EMF).

CloudWatch makes metrics of these lines in any log group, of functions and of containers. A line is written at once, so
no handler has to flush anything, and a process that crashes or a sandbox that is frozen loses no value.

Source: Amazon CloudWatch, "Specification: Embedded metric format", "Publishing logs with the embedded metric format".
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics

from . import trace
from .catalogue import OTHER, Metric
from .release import current_release

LOCAL_NAMESPACE = "whyviral/local"
_lock = threading.Lock()
_namespace = LOCAL_NAMESPACE


class UndeclaredDimensions(ValueError):
    """A value was recorded with other dimensions than the catalogue declares, which is a bug."""


def configure(*, namespace: str) -> None:
    """Set the namespace of this process's metrics; each stack has its own."""
    global _namespace  # noqa: PLW0603 - one process has one namespace, as it has one environment
    _namespace = namespace


def record(metric: Metric, value: float = 1, **dimensions: str) -> None:
    """Write one value.

    Args:
        metric: a metric of the catalogue.
        value: in the metric's unit.
        dimensions: a value for each dimension; one that the catalogue does not list counts as "other".

    Raises:
        UndeclaredDimensions: the names differ from those of the catalogue.
    """
    if dimensions.keys() != metric.dimensions.keys():
        raise UndeclaredDimensions(f"{metric.name} has the dimensions {', '.join(metric.dimensions) or '(none)'}")
    closed = tuple((name, each if each in metric.dimensions[name] else OTHER) for name, each in dimensions.items())
    document = dict(_sample(_namespace, metric, closed))
    document["_aws"] = {**document["_aws"], "Timestamp": int(time.time() * 1000)}
    document |= {"release": current_release(), metric.name: [float(value)]}
    if (trace_id := trace.current()) is not None:
        document["trace_id"] = trace_id
    line = json.dumps(document, separators=(",", ":"))
    with _lock:  # one write for each line: two threads would otherwise mix theirs, and CloudWatch could read neither
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


@lru_cache(maxsize=512)
def _sample(namespace: str, metric: Metric, dimensions: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """Return a document of Powertools for these dimensions. Building one takes ten times as long as writing it."""
    block = EphemeralMetrics(namespace=namespace)
    if metric.has_total:
        block.add_dimensions(**dict(dimensions))  # beside the empty set, which is the total
    else:
        for name, each in dimensions:
            block.add_dimension(name=name, value=each)
    block.add_metric(name=metric.name, unit=metric.unit, value=0.0)
    return block.serialize_metric_set()


@contextmanager
def timed(metric: Metric, **dimensions: str) -> Iterator[None]:
    """Write the duration of the block in milliseconds, also if it raises."""
    started_mono_s = time.perf_counter()
    try:
        yield
    finally:
        record(metric, (time.perf_counter() - started_mono_s) * 1000, **dimensions)
