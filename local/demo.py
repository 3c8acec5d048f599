"""`make demo`: starts the system, analyses posts with live progress, prints and writes a report, and stops."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.stack.system import running

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
_POLL_INTERVAL_S = 0.2
_TIMEOUT_S = 1_800
_ENDED = ("COMPLETED", "FAILED")


class DemoFailed(Exception):
    """The API rejected the URLs; the message is the API's."""


@dataclass(slots=True)
class Client:
    """The API as one user calls it."""

    http: httpx.Client

    def analyse(self, urls: Sequence[str]) -> list[str]:
        """Start the analysis of posts and return the ids of the requests.

        Raises:
            DemoFailed: the API rejected the URLs.
        """
        response = self.http.post("/api/analysis/analyze/", json={"post_urls": list(urls)})
        if response.status_code != httpx.codes.ACCEPTED:
            body = response.json()
            problems = [f"  {item['url']}: {item['message']}" for item in body.get("details") or [] if "url" in item]
            raise DemoFailed("\n".join([body["error"], *problems]))
        return [request["id"] for request in response.json()["requests"]]

    def get_request(self, request_id: str) -> dict[str, Any]:
        """Return the current state of a request."""
        return self._get(f"/api/analysis/requests/{request_id}/")

    def list_posts(self, request_id: str) -> list[dict[str, Any]]:
        """Return all readable posts of a request."""
        posts: list[dict[str, Any]] = []
        path: str | None = f"/api/social/posts/analysis/{request_id}/"
        while path:
            page = self._get(path)
            posts += page["results"]
            path = page["next"]
        return posts

    def _get(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = self.http.get(path).raise_for_status().json()
        return body


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
            client = Client(http)
            try:
                requests = _follow(client, client.analyse(urls or SAMPLE_URLS), console)
            except DemoFailed as exc:
                console.print(Text(str(exc), style="red"))
                return 1
            report = _report(client, requests, stand_ins=sorted(stack.stand_in_vendors))
    path = data / "report.json"
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for request in report["requests"]:
        _show(request, console)
    if report["stand_ins"]:
        console.print(
            f"[yellow]Stand-ins replaced these services: {', '.join(report['stand_ins'])}. "
            "Set their keys in .env to use the real ones.[/yellow]"
        )
    console.print(Text(f"Report: {os.path.relpath(path)}"))
    return 0 if all(_is_whole(request) for request in report["requests"]) else 1


def _follow(client: Client, ids: Sequence[str], console: Console) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _TIMEOUT_S
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while True:
            requests = [client.get_request(request_id) for request_id in ids]
            live.update(_progress(requests))
            if all(request["status"] in _ENDED for request in requests) or time.monotonic() > deadline:
                break
            time.sleep(_POLL_INTERVAL_S)
    for request in requests:
        console.print(_progress([request]))
    return requests


def _progress(requests: Sequence[dict[str, Any]]) -> Table:
    table = Table("platform", "progress", "stage", "message", expand=True)
    for request in requests:
        last = request["status_history"][-1]
        table.add_row(request["platform"], f"{request['progress']} %", last["stage"], Text(last["message"]))
    return table


def _report(client: Client, requests: Sequence[dict[str, Any]], *, stand_ins: list[str]) -> dict[str, Any]:
    return {"requests": [_report_request(client, request) for request in requests], "stand_ins": stand_ins}


def _report_request(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    analyses = {analysis["post_id"]: analysis for analysis in request["post_analyses"]}
    posts = {post["id"]: post for post in client.list_posts(request["id"])}
    return {
        "platform": request["platform"],
        "display_name": request["display_name"],
        "status": request["status"],
        "duration_seconds": request["duration_seconds"],
        "cost_usd": request["cost_usd"],
        "stages": [step["stage"] for step in request["status_history"]],
        "posts": [
            {
                "url": row["url"],
                "state": row["state"],
                "error_category": row["error_category"],
                "error": row["error"],
                "username": post.get("username"),
                "transcript": post.get("transcript"),
                "has_speech": post.get("has_speech"),
                "media": post.get("media"),
                "is_viral": analysis["is_viral"] if analysis else None,
                "analysis": analysis,
            }
            for row in request["posts"]
            for post in [posts.get(row["post_id"], {})]
            for analysis in [analyses.get(row["post_id"])]
        ],
    }


def _is_whole(request: dict[str, Any]) -> bool:
    return request["status"] == "COMPLETED" and all(post["analysis"] is not None for post in request["posts"])


def _show(request: dict[str, Any], console: Console) -> None:
    for post in request["posts"]:
        analysis = post["analysis"]
        if analysis is None:
            console.print(
                Panel(Text(f"{post['error_category']}: {post['error']}"), title=Text(post["url"]), border_style="red")
            )
            continue
        verdict = "went viral" if post["is_viral"] else "did not go viral"
        lines = [
            *_speech_lines(post),
            analysis["virality_reasoning"],
            "",
            *[f"• {takeaway}" for takeaway in analysis["quick_takeaways"]],
            "",
            f"Formula: {analysis['viral_formula']}",
        ]
        console.print(Panel(Text("\n".join(lines)), title=Text(f"@{post['username']} {verdict}: {post['url']}")))
    name = f"{request['display_name'] or request['platform']} ({request['platform']})"
    console.print(
        Text(f"{name}: {request['status']} in {request['duration_seconds']} s, {request['cost_usd']:.6f} USD")
    )


def _speech_lines(post: Mapping[str, Any]) -> Sequence[str]:
    """Return the transcript, or a note that there is no speech; empty if the post's sound was not examined."""
    match post["has_speech"]:
        case True:
            return [f"Speech: “{post['transcript']}”", ""]
        case False:
            return ["No speech.", ""]
    return []
