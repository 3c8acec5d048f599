"""Writes a report as CSV: one row for each post, one column for each fact."""

import csv
import io
from collections.abc import Mapping

from whyviral.analysis.sharing.schemas import SharedPostOut, SharedReport

from .markdown import fact_text
from .plain_text import spreadsheet_text

type Cell = str | int | float | None

_BETWEEN = " | "
_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel does not read the file as UTF-8."""


def render_csv(report: SharedReport) -> str:
    """Return the table with its header. Texts cannot run as formulas; numbers stay numbers."""
    rows = [_row(post) for post in report.posts]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_ALL)
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return _BYTE_ORDER_MARK + table.getvalue()


def _cell(value: Cell) -> Cell:
    return spreadsheet_text(value) if isinstance(value, str) else value


def _row(post: SharedPostOut) -> Mapping[str, Cell]:
    return {
        "url": post.url,
        **_source(post),
        **_verdict(post),
        **_explanation(post),
        "error": post.error,
        **_facts(post),
    }


def _source(post: SharedPostOut) -> Mapping[str, Cell]:
    found = post.post
    if found is None:
        return {}
    posted_at = None if found.posted_at is None else found.posted_at.isoformat()
    return {"username": found.username, "posted_at": posted_at, "text": found.content}


def _verdict(post: SharedPostOut) -> Mapping[str, Cell]:
    if post.measured is None:
        return {}
    verdict = post.measured.verdict
    return {
        "is_viral": "yes" if verdict.is_viral else "no",
        "score": verdict.score,
        "threshold": verdict.threshold,
        "confidence": verdict.confidence.value,
        "rule": verdict.rule.value,
        "compared_posts": verdict.n,
        "reasons": _BETWEEN.join(verdict.reasons),
    }


def _explanation(post: SharedPostOut) -> Mapping[str, Cell]:
    found = post.explanation
    if found is None:
        return {}
    observation = found.content_observation
    return {
        "virality_reasoning": found.virality_reasoning,
        "viral_formula": found.viral_formula,
        "quick_takeaways": _BETWEEN.join(found.quick_takeaways),
        "creator_context": found.creator_context,
        **{name: getattr(observation, name) for name in type(observation).model_fields},
        "replicable_elements": _BETWEEN.join(found.replicable_elements),
        "improvements": _BETWEEN.join(found.improvements),
        "suggestions_for_future_posts": _BETWEEN.join(found.suggestions_for_future_posts),
        "stand_ins": _BETWEEN.join(found.stand_ins),
    }


def _facts(post: SharedPostOut) -> Mapping[str, Cell]:
    facts = post.measured.facts if post.measured else []
    return {f"fact: {fact.name}": fact_text(fact) if fact.number is None else fact.number for fact in facts}
