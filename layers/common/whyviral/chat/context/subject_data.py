"""The material with which a conversation starts: facts, verdict, media, analysis, and the post's own words.

Text of strangers, and what a model derived from it, appears only as escaped JSON inside delimiters, as it does in the
prompt of the analysis.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from whyviral.analysis.explanation.claims.source import Source, by_id, medium_source
from whyviral.analysis.explanation.evidence import Evidence, snapshot_of
from whyviral.analysis.explanation.post_data import post_data
from whyviral.analysis.explanation.transcript_spans import TranscriptSpan, transcript_spans
from whyviral.analysis.explanation.untrusted_data import inert_json
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import judge
from whyviral.analysis.models import PostAnalysis
from whyviral.social.models import Post

from .token_estimate import estimate_tokens

MAX_ANALYSIS_TOKENS = 8_000
MAX_POST_TOKENS = 12_000
_SHARE_KEPT = 0.8
"""Of the spans, then of the text, in each step of cutting."""
_ANALYSIS_FIELDS = (
    "virality_reasoning",
    "quick_takeaways",
    "viral_formula",
    "creator_context",
    "content_observation",
    "improvements",
    "replicable_elements",
    "suggestions_for_future_posts",
)
"""The most useful first: where the analysis is too long, the last are left out."""


@dataclass(frozen=True, slots=True)
class SubjectData:
    """What a conversation is about, as text for a model, and what its answers may cite."""

    text: str
    sources: Mapping[str, Source]
    """What answers may cite, by id."""
    is_viral: bool
    """The verdict, which no answer may contradict."""


def build_subject_data(analysis: PostAnalysis, post: Post, comments: Sequence[Mapping[str, Any]]) -> SubjectData:
    """Return the material about an analysed post; ids mean what they mean in the analysis.

    Args:
        analysis: the analysis, whose facts, spans and media keep their ids.
        post: the post with its media.
        comments: the comments that were fetched with it.
    """
    used = analysis.metadata_used
    facts = [_fact(row) for row in used["facts"]]
    snapshot = snapshot_of(post, comments)
    spans, is_cut = transcript_spans(snapshot.media or ())
    evidence = Evidence(
        post=snapshot,
        facts=tuple(facts),
        verdict=judge(facts),
        spans=_unchanged(spans, used["transcript_spans"]),
        is_transcript_cut=is_cut,
    )
    words, shown = _post_words(evidence)
    media = used["media_sent"]
    text = "\n".join(
        (
            f"# Facts about a post on {post.platform}",
            f"Its address is {post.url}",
            *(_fact_line(fact) for fact in facts),
            "",
            "# Verdict",
            *_verdict_lines(used["verdict"]),
            "",
            "# Media that the analysis was shown",
            *([_media_line(row) for row in media] or ["none"]),
            "",
            "# The analysis",
            "<analysis_data>",
            _analysis_words(analysis),
            "</analysis_data>",
            "",
            "# The post",
            "<post_data>",
            words,
            "</post_data>",
        )
    )
    shown_media = [medium_source(str(row["id"]), label=str(row["kind"]), at_s=row.get("at_s")) for row in media]
    return SubjectData(text, {**shown.sources, **by_id(shown_media)}, is_viral=bool(used["verdict"]["is_viral"]))


def _fact(row: Mapping[str, Any]) -> Fact:
    values = {field.name: row[field.name] for field in fields(Fact) if field.name in row}
    if isinstance(values["value"], list):
        values["value"] = tuple(values["value"])
    return Fact(**values)


def _fact_line(fact: Fact) -> str:
    value = f"data.quotations.{fact.id}" if fact.is_quotation else fact.value
    value = str(value).lower() if isinstance(value, bool) else value
    return f"[{fact.id}] {fact.name} = {value} {fact.unit} ({fact.source})"


def _verdict_lines(verdict: Mapping[str, Any]) -> Iterator[str]:
    yield f"is_viral = {str(verdict['is_viral']).lower()}"
    yield (
        f"rule {verdict['rule']}, score {verdict['score']} of 1, threshold {verdict['threshold']}, "
        f"confidence {verdict['confidence']}, compared with {verdict['n']} other posts"
    )
    for reason in verdict["reasons"]:
        yield f"- {reason}"


def _media_line(row: Mapping[str, Any]) -> str:
    moment = "" if row.get("at_s") is None else f" at {row['at_s']} s"
    return f"[{row['id']}] {row['kind']}{moment}"


def _unchanged(spans: Sequence[TranscriptSpan], recorded: Sequence[Mapping[str, Any]]) -> list[TranscriptSpan]:
    """Return the spans that are still those of the analysis: the post may have been heard again since."""
    times = {str(row["id"]): (row["video"], row["from_s"], row["to_s"]) for row in recorded}
    return [span for span in spans if times.get(span.id) == (span.video, span.start_s, span.end_s)]


def _analysis_words(analysis: PostAnalysis) -> str:
    document: dict[str, Any] = {}
    words = inert_json(document)
    for name in _ANALYSIS_FIELDS:
        document[name] = getattr(analysis, name)
        longer = inert_json(document)
        if estimate_tokens(longer) > MAX_ANALYSIS_TOKENS:
            break
        words = longer
    return words


def _post_words(evidence: Evidence) -> tuple[str, Evidence]:
    """Return the post's words within their budget, and the evidence that is left.

    Comments are left out first, then spans from the end, then the end of the text.
    """
    words = _words(evidence)
    if estimate_tokens(words) <= MAX_POST_TOKENS:
        return words, evidence
    evidence = replace(evidence, post=replace(evidence.post, comments=()))
    while estimate_tokens(words := _words(evidence)) > MAX_POST_TOKENS:
        if evidence.spans:
            kept = evidence.spans[: int(len(evidence.spans) * _SHARE_KEPT)]
            evidence = replace(evidence, spans=kept, is_transcript_cut=True)
        elif evidence.post.text:
            kept_text = evidence.post.text[: int(len(evidence.post.text) * _SHARE_KEPT)]
            evidence = replace(evidence, post=replace(evidence.post, text=kept_text))
        else:
            return inert_json({"is_too_long": True}), replace(evidence, post=replace(evidence.post, text=""))
    return words, evidence


def _words(evidence: Evidence) -> str:
    post, facts, spans = evidence.post, evidence.facts, evidence.spans
    return inert_json(post_data(post, facts, spans, is_transcript_cut=evidence.is_transcript_cut))
