"""The results of an analysis as a report, and how the terminal shows it."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.terminal.api_client import ApiClient


def plain(text: str, *, style: str = "") -> Text:
    """Return text without markup and control characters: posts and answers must not steer the terminal."""
    return Text("".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc"), style=style)


def progress_table(requests: Sequence[dict[str, Any]]) -> Table:
    """Return a table with the last step of each request."""
    table = Table("platform", "progress", "stage", "message", expand=True)
    for request in requests:
        last = request["status_history"][-1]
        table.add_row(request["platform"], f"{request['progress']} %", last["stage"], plain(last["message"]))
    return table


def report_request(client: ApiClient, request: dict[str, Any]) -> dict[str, Any]:
    """Return what was found about the posts of a request."""
    analyses = {analysis["post_id"]: analysis for analysis in request["post_analyses"]}
    posts = {post["id"]: post for post in client.list_posts(request["id"])}
    return {
        "platform": request["platform"],
        "handle": request["handle"],
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


def is_whole(request: dict[str, Any]) -> bool:
    """Return whether each post of a reported request has an analysis."""
    return request["status"] == "COMPLETED" and all(post["analysis"] is not None for post in request["posts"])


def show_report(request: dict[str, Any], console: Console) -> None:
    """Print a reported request."""
    for post in request["posts"]:
        analysis = post["analysis"]
        if analysis is None:
            console.print(
                Panel(plain(f"{post['error_category']}: {post['error']}"), title=plain(post["url"]), border_style="red")
            )
            continue
        verdict = "went viral" if post["is_viral"] else "did not go viral"
        lines = [
            *_comparison_lines(analysis["metadata_used"]),
            *_speech_lines(post),
            analysis["virality_reasoning"],
            "",
            *[f"• {takeaway}" for takeaway in analysis["quick_takeaways"]],
            "",
            f"Formula: {analysis['viral_formula']}",
            *_evidence_lines(analysis),
        ]
        console.print(Panel(plain("\n".join(lines)), title=plain(f"@{post['username']} {verdict}: {post['url']}")))
    name = f"{request['display_name'] or request['platform']} ({request['platform']})"
    console.print(
        plain(f"{name}: {request['status']} in {request['duration_seconds']} s, {request['cost_usd']:.6f} USD")
    )


def _comparison_lines(used: Mapping[str, Any]) -> Sequence[str]:
    """Return how the post compares with its creator's other posts; empty if they are not known."""
    facts = {fact["name"]: fact["value"] for fact in used["facts"]}
    if "outlier_ratio" not in facts:
        return []
    ratio, n, place = facts["outlier_ratio"], facts["baseline_n"], facts["baseline_place"]
    compared = f"{ratio:.3g} times the median {facts['baseline_metric']} of {n} posts by this creator, place {place}"
    verdict = used["verdict"]
    return [f"{compared} (rule {verdict['rule']}, confidence {verdict['confidence']}).", ""]


def _evidence_lines(analysis: Mapping[str, Any]) -> Iterator[str]:
    """Yield who wrote the explanation, and what its claims cite."""
    used, data = analysis["metadata_used"], analysis["analysis_data"]
    yield ""
    yield f"Explained by {used['provider']}: {used['model']}."
    yield "Evidence:"
    for evidence in data["evidence"]:
        excerpt = "" if evidence["excerpt"] is None else f": {evidence['excerpt']}"
        yield f"  [{evidence['id']}] {evidence['label']}{excerpt}"
    if refused := data["refused_claims"]:
        yield f"{len(refused)} claims of the model did not pass the check at first; report.json lists them."


def _speech_lines(post: Mapping[str, Any]) -> Sequence[str]:
    """Return the transcript, or a note that there is no speech; empty if the post's sound was not examined."""
    match post["has_speech"]:
        case True:
            return [f"Speech: “{post['transcript']}”", ""]
        case False:
            return ["No speech.", ""]
    return []
