"""`make demo`: starts the system, analyses posts with live progress, prints and writes a report, and stops."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.text import Text

from local.stack.system import running
from local.terminal.api_client import ApiClient, CallRefused
from local.terminal.report import is_whole, progress_table, report_request, show_report

SAMPLE_URLS = (
    "https://www.instagram.com/p/Hinvent0001/",
    "https://www.instagram.com/p/Hinvent0002/",
    "https://www.instagram.com/reel/Hinvent0003/",
    "https://www.instagram.com/reel/Hinvent0004/",
    "https://x.com/jack/status/20",
    "https://x.com/invented_kites/status/9000000000000000002",
    "https://x.com/invented_reader/status/9000000000000000003",
    "https://www.youtube.com/shorts/invented-S1",
    "https://www.youtube.com/watch?v=invented-L1",
    "https://www.youtube.com/shorts/invented-M1",
)
"""The sample posts, which local/samples/README.md describes."""
SAMPLE_HANDLE = "https://x.com/invented_kites"
"""An invented creator, whose two best posts are explained as well."""
_POLL_INTERVAL_S = 0.2
_TIMEOUT_S = 1_800
_ENDED = ("COMPLETED", "FAILED")


def run(urls: Sequence[str], *, data: Path, user_settings: Mapping[str, str]) -> int:
    """Analyse the posts on a fresh system, print and write the report; returns 1 if any post has no analysis."""
    console = Console()

    def show_step(text: str) -> None:
        console.print(Text(text, style="dim"))

    with running(data, port=None, user_settings=user_settings, fresh=True, report=show_step) as stack:
        if stack.ready.token is None:
            console.print(
                "[red]The demo cannot sign in to the real Clerk. Unset the Clerk keys in .env, "
                "or use `make run` with your frontend.[/red]"
            )
            return 1
        headers = {"Authorization": f"Bearer {stack.ready.token}"}
        with httpx.Client(base_url=stack.ready.api, headers=headers, timeout=30) as http:
            client = ApiClient(http)
            try:
                ids = client.analyse(urls or SAMPLE_URLS)
                ids += [] if urls else client.analyse_handle(SAMPLE_HANDLE, posts=2)
                requests = _follow(client, ids, console)
            except CallRefused as exc:
                console.print(Text(str(exc), style="red"))
                return 1
            report = _report(client, requests, stand_ins=sorted(stack.stand_in_vendors))
    path = data / "report.json"
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for request in report["requests"]:
        show_report(request, console)
    if report["stand_ins"]:
        console.print(
            f"[yellow]Stand-ins replaced these services: {', '.join(report['stand_ins'])}. "
            "Set their keys in .env to use the real ones.[/yellow]"
        )
    console.print(Text(f"Report: {os.path.relpath(path)}"))
    return 0 if all(is_whole(request) for request in report["requests"]) else 1


def _follow(client: ApiClient, ids: Sequence[str], console: Console) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _TIMEOUT_S
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while True:
            requests = [client.get_request(request_id) for request_id in ids]
            live.update(progress_table(requests))
            if all(request["status"] in _ENDED for request in requests) or time.monotonic() > deadline:
                break
            time.sleep(_POLL_INTERVAL_S)
    for request in requests:
        console.print(progress_table([request]))
    return requests


def _report(client: ApiClient, requests: Sequence[dict[str, Any]], *, stand_ins: list[str]) -> dict[str, Any]:
    return {"requests": [report_request(client, request) for request in requests], "stand_ins": stand_ins}
