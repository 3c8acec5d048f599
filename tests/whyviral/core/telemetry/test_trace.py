"""Every line and every handler knows the trace it belongs to."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest

from whyviral.core import logging as own_logging
from whyviral.core.logging import build_logger
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.release import LOCAL_RELEASE, set_release

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    build_logger("traced")
    logger, stream = logging.getLogger("traced"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.handlers[0].formatter)
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = logging.root.level
    yield
    own_logging.configure(debug=False)
    set_release(LOCAL_RELEASE)
    logging.root.setLevel(level)


def test_every_line_names_its_trace_and_the_release(lines: Lines) -> None:
    set_release("0123456789abcdef")
    with trace.bound("call-1"):
        logging.getLogger("traced").info("inside")
    logging.getLogger("traced").info("outside")

    inside, outside = lines()
    assert (inside["trace_id"], inside["release"]) == ("call-1", "0123456789ab")
    assert "trace_id" not in outside
    assert outside["release"] == "0123456789ab"


def test_work_in_a_thread_belongs_to_the_trace_that_started_it() -> None:
    with trace.bound("call-1"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, trace.current).result() == "call-1"


def test_work_without_a_cause_has_an_id_of_its_own() -> None:
    with trace.bound(None) as first:
        pass
    with trace.bound(None) as second:
        pass

    assert first != second
    assert trace.current() is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"request_id": "r", "attempt": 1, "trace_id": "call-1"}, "call-1"),
        ({"requestContext": {"requestId": "of-the-gateway"}}, "of-the-gateway"),
        ({"requestContext": {"requestId": "failed"}, "requestPayload": {"trace_id": "call-1"}}, "call-1"),
        ({"request_id": "r", "attempt": 1}, "of-the-invocation"),
        ({"Records": []}, "of-the-invocation"),
    ],
)
def test_a_handler_runs_under_the_trace_of_its_event(event: dict[str, Any], expected: str) -> None:
    seen = trace.traced(lambda _event, _context: trace.current())

    assert seen(event, SimpleNamespace(aws_request_id="of-the-invocation")) == expected
    assert trace.current() is None


def test_debug_reaches_loggers_that_were_built_before_the_settings_were_read(lines: Lines) -> None:
    logging.root.setLevel(logging.DEBUG)
    logging.getLogger("traced").debug("too early")

    own_logging.configure(debug=True)
    logging.getLogger("traced").debug("now")
    build_logger("built-later")

    assert [line["message"] for line in lines()] == ["now"]
    assert logging.getLogger("built-later").level == logging.DEBUG
    # Libraries log headers with keys in them at this level.
    assert not logging.getLogger("botocore").isEnabledFor(logging.DEBUG)
