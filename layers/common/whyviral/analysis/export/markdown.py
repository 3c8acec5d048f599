"""Writes a report as a Markdown document to read, print or paste."""

from collections.abc import Iterable, Iterator, Sequence

from whyviral.analysis.explanation.provenance import StandInPart
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import Verdict
from whyviral.analysis.sharing.schemas import (
    SharedExplanationOut,
    SharedMeasurementsOut,
    SharedPostOut,
    SharedReport,
    SharedSourceOut,
)

from .plain_text import markdown, quoted_markdown

_STAND_INS = {
    StandInPart.POST: "the post is a sample and was not read from the platform",
    StandInPart.STORAGE: "its media are stored on one machine only",
    StandInPart.MODEL: "no real model wrote the explanation",
}


def render_markdown(report: SharedReport) -> str:
    """Return the report with the verdict, explanation, claims, evidence and facts of each post."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def _lines(report: SharedReport) -> Iterator[str]:
    yield f"# {markdown(report.display_name or 'Why it went viral')}"
    yield ""
    number = len(report.posts)
    yield (
        f"{number} {'post' if number == 1 else 'posts'} on {report.platform.value}, "
        f"requested on {report.created_at:%Y-%m-%d} UTC, status {report.status.value}. "
        "Facts are measured and the verdict is computed from them. The explanation cites both by id."
    )
    yield ""
    for position, post in enumerate(report.posts, start=1):
        yield from _post(position, post)


def _post(position: int, post: SharedPostOut) -> Iterator[str]:
    name = f"@{post.post.username}" if post.post and post.post.username else "Post"
    yield f"## {position}. {markdown(name)}"
    yield ""
    yield f"<{post.url}>"
    yield ""
    if post.post:
        yield from _source(post.post)
    if post.measured:
        yield from _verdict(post.measured.verdict)
    if post.explanation:
        yield from _explanation(post.explanation)
        yield from _claims(post.explanation)
    if post.measured:
        yield from _measurements(post.measured)
    if post.error:
        yield from _section("Not explained", [markdown(post.error)])


def _source(source: SharedSourceOut) -> Iterator[str]:
    if source.posted_at:
        yield f"Posted on {source.posted_at:%Y-%m-%d %H:%M} UTC."
        yield ""
    if source.content:
        yield from quoted_markdown(source.content)
        yield ""


def _verdict(verdict: Verdict) -> Iterator[str]:
    compared = f", compared with {verdict.n} other posts of the creator" if verdict.n else ""
    result = (
        f"**{'Viral' if verdict.is_viral else 'Not viral'}**: score {verdict.score:g} of 1, viral from "
        f"{verdict.threshold:g}, confidence {verdict.confidence.value}, rule {verdict.rule.value}{compared}."
    )
    yield from _section("Verdict", [result, "", *_bullets(verdict.reasons)])


def _explanation(explanation: SharedExplanationOut) -> Iterator[str]:
    if explanation.stand_ins:
        parts = "; ".join(_STAND_INS[part] for part in explanation.stand_ins)
        yield from _section("Made with stand-ins", [f"This is not a real analysis: {parts}."])
    observation = explanation.content_observation
    seen = {name: getattr(observation, name) for name in type(observation).model_fields}
    yield from _section("Why", [markdown(explanation.virality_reasoning)])
    yield from _section("Formula", [markdown(explanation.viral_formula)])
    yield from _section("Takeaways", _bullets(explanation.quick_takeaways))
    yield from _section("Creator", [markdown(explanation.creator_context)])
    yield from _section("The post as a viewer sees it", [f"- {name}: {markdown(text)}" for name, text in seen.items()])
    yield from _section("To copy", _bullets(explanation.replicable_elements))
    yield from _section("To improve", _bullets(explanation.improvements))
    yield from _section("Ideas for the next posts", _bullets(explanation.suggestions_for_future_posts))
    yield from _section("Not read or measured", _bullets(explanation.gaps))


def _claims(explanation: SharedExplanationOut) -> Iterator[str]:
    evidence = {each.id: each for each in explanation.evidence}
    lines: list[str] = []
    for claim in explanation.claims:
        lines.append(f"- {markdown(claim.text)} ({claim.kind.value})")
        for id_ in claim.evidence:
            source = evidence.get(id_)
            shown = [] if source is None else [source.label, source.excerpt]
            lines.append(f"  - {': '.join([id_, *(markdown(text) for text in shown if text)])}")
    yield from _section("Claims and their evidence", lines)


def _measurements(measured: SharedMeasurementsOut) -> Iterator[str]:
    header = ["| id | fact | value | unit | source |", "|---|---|---|---|---|"]
    rows = [
        f"| {' | '.join([fact.id, *map(markdown, (fact.name, fact_text(fact), fact.unit, fact.source))])} |"
        for fact in measured.facts
    ]
    yield from _section("Facts", [*header, *rows] if rows else [])
    unseen = [f"- {markdown(each.name)}: {markdown(each.reason)}" for each in measured.not_observable]
    yield from _section("Shown by no public source", unseen)


def fact_text(fact: Fact) -> str:
    """Return the value of a fact as text."""
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    return ", ".join(fact.value) if isinstance(fact.value, tuple) else str(fact.value)


def _bullets(texts: Iterable[str]) -> list[str]:
    return [f"- {markdown(text)}" for text in texts]


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield a section; one without lines is left out."""
    if lines:
        yield f"### {title}"
        yield ""
        yield from lines
        yield ""
