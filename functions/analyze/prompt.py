"""The prompt of one post: our rubric and measurements, and apart from them the untrusted words of the post.

Words of the post stand in the JSON of the data block and nowhere else, escaped so that they cannot close it or start a
line: a post that imitates our delimiters, facts or instructions remains a string.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

from whyviral.analysis.facts import Fact, PostSnapshot
from whyviral.analysis.virality import Verdict
from whyviral.integrations.analyst import AnalystPrompt

PROMPT_VERSION = "post.v1"
MAX_TEXT_CHARACTERS = 20_000


def build_prompt(post: PostSnapshot, facts: Sequence[Fact], verdict: Verdict) -> AnalystPrompt:
    """Return the rubric as system prompt, and facts, verdict and post as user prompt."""
    user = "\n".join(
        (
            f"# Facts about a post on {post.platform}",
            *map(_fact_line, facts),
            "",
            "# Verdict",
            *_verdict_lines(verdict),
            "",
            "# The post",
            "<post_data>",
            _as_inert_json(_post_data(post, facts)),
            "</post_data>",
        )
    )
    return AnalystPrompt(system=_rubric(), user=user, version=PROMPT_VERSION)


@cache
def _rubric() -> str:
    return resources.files("functions.analyze").joinpath("prompts", f"{PROMPT_VERSION}.md").read_text(encoding="utf-8")


def _fact_line(fact: Fact) -> str:
    value = f"data.quotations.{fact.id}" if fact.is_quotation else fact.value
    return f"[{fact.id}] {fact.name} = {value} {fact.unit} ({fact.source})"


def _verdict_lines(verdict: Verdict) -> Iterable[str]:
    yield f"is_viral = {str(verdict.is_viral).lower()}"
    yield (
        f"rule {verdict.rule}, score {verdict.score} of 1, threshold {verdict.threshold}, "
        f"confidence {verdict.confidence}, compared with {verdict.n} other posts"
    )
    for reason in verdict.reasons:
        yield f"- {reason}"


def _post_data(post: PostSnapshot, facts: Sequence[Fact]) -> dict[str, Any]:
    return {
        "author": post.username,
        "text": post.text[:MAX_TEXT_CHARACTERS],
        "text_is_cut": len(post.text) > MAX_TEXT_CHARACTERS,
        "quotations": {fact.id: fact.value for fact in facts if fact.is_quotation},
    }


def _as_inert_json(data: dict[str, Any]) -> str:
    """Return JSON on one line, without angle brackets, control, format or line-breaking characters."""
    return "".join(map(_escape, json.dumps(data, ensure_ascii=False)))


def _escape(character: str) -> str:
    if character.isprintable() and character not in "<>":
        return character
    return json.dumps(character)[1:-1] if not character.isascii() else f"\\u{ord(character):04x}"
