"""The prompt of one post: our rubric and measurements, kept apart from the untrusted words of the post.

The words of the post, its videos and its comments appear only in the JSON of the data block. They are escaped, so that
a post that imitates our delimiters, facts or instructions remains a string.
"""

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib import resources

from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import Verdict
from whyviral.integrations.ports.analyst import AnalystPrompt, InlineMedia

from .evidence import Evidence
from .post_data import post_data
from .untrusted_data import inert_json

PROMPT_VERSION = "post.v3"


def build_prompt(evidence: Evidence) -> AnalystPrompt:
    """Return the prompt: the rubric for the system; media, facts, verdict and post for the user."""
    user = "\n".join(
        (
            f"# Facts about a post on {evidence.post.platform}",
            *map(_fact_line, evidence.facts),
            "",
            "# Verdict",
            *_verdict_lines(evidence.verdict),
            "",
            "# Attached media, in their order",
            *([f"[{each.id}] {each.exhibit.label}" for each in evidence.attachments] or ["none"]),
            "",
            "# What is missing",
            *(_missing_lines(evidence) or ["nothing that the post has"]),
            "",
            "# The post",
            "<post_data>",
            inert_json(
                post_data(evidence.post, evidence.facts, evidence.spans, is_transcript_cut=evidence.is_transcript_cut)
            ),
            "</post_data>",
        )
    )
    media = [attachment.part for attachment in evidence.attachments]
    return AnalystPrompt(system=_rubric(), user=user, version=PROMPT_VERSION, media=media)


def question_sha256(evidence: Evidence) -> str:
    """Return a digest that differs when anything in the question differs: rubric, words or a byte of the media."""
    prompt = build_prompt(evidence)
    media = [sha256(part.data).hexdigest() if isinstance(part, InlineMedia) else repr(part) for part in prompt.media]
    return sha256(json.dumps([prompt.system, prompt.user, media]).encode()).hexdigest()


@cache
def _rubric() -> str:
    return (
        resources.files("whyviral.analysis.explanation")
        .joinpath("prompts", f"{PROMPT_VERSION}.md")
        .read_text(encoding="utf-8")
    )


def _fact_line(fact: Fact) -> str:
    value = f"data.quotations.{fact.id}" if fact.is_quotation else fact.value
    value = str(value).lower() if isinstance(value, bool) else value
    return f"[{fact.id}] {fact.name} = {value} {fact.unit} ({fact.source})"


def _verdict_lines(verdict: Verdict) -> Iterable[str]:
    yield f"is_viral = {str(verdict.is_viral).lower()}"
    yield (
        f"rule {verdict.rule}, score {verdict.score} of 1, threshold {verdict.threshold}, "
        f"confidence {verdict.confidence}, compared with {verdict.n} other posts"
    )
    for reason in verdict.reasons:
        yield f"- {reason}"


def _missing_lines(evidence: Evidence) -> list[str]:
    left_out = [f"{each.exhibit.label}: not attached, because {each.reason}." for each in evidence.left_out]
    return [f"- {line}" for line in (*left_out, *evidence.gaps)]
