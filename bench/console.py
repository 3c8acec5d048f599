"""The console in Debian's Chromium: what it transfers, and when the browser first paints something of it.

The time is compared with that of a page of one line from the same server, because machines differ.
"""

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Request, sync_playwright

from bench.measurement import Measurement
from bench.system import running

_RUNS = 7
_TRANSFER_KB = 120
_VIEWPORT: Any = {"width": 1440, "height": 1000}
_PAINT = """() => new Promise((resolve) => new PerformanceObserver((list, observer) => {
  const paint = list.getEntriesByName("first-contentful-paint")[0];
  if (paint) { observer.disconnect(); resolve(paint.startTime); }
}).observe({ type: "paint", buffered: true }))"""


def measure() -> list[Measurement]:
    """Open the console in fresh profiles, each time beside a page of one line."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (_, ready), _chromium() as browser:
        _first_paint(browser, ready["console"])  # the first request reads the files from disk
        pairs = [
            (_first_paint(browser, ready["console"]), _first_paint(browser, f"{ready['api']}/health/live/"))
            for _ in range(_RUNS)
        ]
        count, transferred = _first_load(browser, ready["console"])
    return [
        Measurement("console, first contentful paint", statistics.median(one for one, _ in pairs), "ms"),
        Measurement("the same ÷ a page of one line", statistics.median(one / floor for one, floor in pairs), "x"),
        Measurement("console, requests of the first load", count, "requests"),
        Measurement("console, transfer of the first load", transferred / 1000, "kB", at_most=_TRANSFER_KB),
    ]


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed; run: apt-get update && apt-get install --yes chromium")
    with sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _first_paint(browser: Browser, url: str) -> float:
    """Return the milliseconds from the start of the navigation to the first paint of text or of a picture."""
    with browser.new_context(viewport=_VIEWPORT) as context:
        page = context.new_page()
        page.goto(url)
        milliseconds: float = page.evaluate(_PAINT)
        return milliseconds


def _first_load(browser: Browser, url: str) -> tuple[int, int]:
    """Return the number of requests until the network is idle, and their bytes with headers."""
    with browser.new_context(viewport=_VIEWPORT) as context:
        page = context.new_page()
        requests: list[Request] = []

        def keep(request: Request) -> None:  # Playwright cannot take the method of a list
            requests.append(request)

        page.on("request", keep)
        page.goto(url)
        page.wait_for_load_state("networkidle")
        sizes = [request.sizes() for request in requests]
        return len(requests), sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
