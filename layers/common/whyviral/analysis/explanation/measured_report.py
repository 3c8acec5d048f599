"""The measured report: an explanation computed from facts and verdict, without a model.

It states in plain sentences what was measured, the most unusual measurements first, and each claim cites its facts. It
says nothing about what pictures show or why people felt something, because nothing measured that.
"""

from collections.abc import Iterable, Iterator, Sequence

from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import Verdict
from whyviral.analysis.models import SUGGESTIONS

from .answer import MAX_CLAIMS, AnalystAnswer, ContentObservation
from .claims.claim import Claim, ClaimKind
from .report_sentences.content_sentences import (
    audience_sentence,
    format_phrase,
    format_sentence,
    hook_sentence,
    theme_sentences,
    tone_sentence,
)
from .report_sentences.phrases import KnownFacts
from .report_sentences.readings import Reading, readings
from .report_sentences.verdict_sentences import creator_sentences, verdict_sentences

MEASURED_VERSION = "measured.v1"
"""The version of its sentences and ranges, which an analysis names instead of a prompt's."""
MEASURED_LABEL = "computed from measurements, no model was asked"

_MAX_READINGS = 4
_MAX_TAKEAWAYS = 5
_MAX_ADVICE = 4


def measured_report(facts: Sequence[Fact], verdict: Verdict) -> AnalystAnswer:
    """Return the explanation that follows from the facts alone.

    Args:
        facts: the facts of the post, with those about the creator's other posts.
        verdict: the result of the rule over these facts.
    """
    known = KnownFacts(facts)
    found = readings(known)
    unusual = [reading for reading in found if reading.surprise > 0]
    described = _described(known)
    return AnalystAnswer(
        virality_reasoning=[
            *verdict_sentences(known, verdict),
            *(reading.claim for reading in (unusual or found)[:_MAX_READINGS]),
        ][:MAX_CLAIMS],
        quick_takeaways=_distinct([*(reading.claim for reading in found), *described])[:_MAX_TAKEAWAYS],
        creator_context=list(creator_sentences(known)),
        content_observation=ContentObservation(
            hook=described[0], tone=described[1], format=described[2], audience=described[3]
        ),
        replicable_elements=_replicable(known, found),
        viral_formula=_formula(known, found),
        improvements=_improvements(known, found),
        suggestions_for_future_posts=_distinct(_suggestions(known, found))[:SUGGESTIONS],
    )


def _described(facts: KnownFacts) -> Sequence[Claim]:
    return hook_sentence(facts), tone_sentence(facts), format_sentence(facts), audience_sentence(facts)


def _distinct(claims: Iterable[Claim]) -> list[Claim]:
    return list({claim.text: claim for claim in claims}.values())


def _replicable(facts: KnownFacts, found: Sequence[Reading]) -> list[Claim]:
    """Return what the post does that can be done again: its strengths, else its form."""
    strengths = [reading.claim for reading in found if reading.is_strength][:_MAX_ADVICE]
    text, names = format_phrase(facts)
    return [*strengths, facts.claim(f"The form can be reused as it is: {text}.", *names)]


def _formula(facts: KnownFacts, found: Sequence[Reading]) -> Claim:
    text, names = format_phrase(facts)
    strength = next((reading for reading in found if reading.is_strength), None)
    if strength is None:
        return facts.claim(f"In short: {text}, without a measurement that stands out in its favour.", *names)
    clause = strength.claim.text.rstrip(".")
    claim = facts.claim(f"In short: {text}. {clause}.", *names)
    return claim.model_copy(update={"evidence": list(dict.fromkeys([*claim.evidence, *strength.claim.evidence]))})


def _improvements(facts: KnownFacts, found: Sequence[Reading]) -> list[Claim]:
    """Return the weakest measurements with what to change, else the quietest ones."""
    weak = [reading for reading in found if reading.is_weakness] or [
        reading for reading in found if reading.range.is_more_better and not reading.is_strength
    ]
    advice = [
        reading.claim.model_copy(
            update={"text": f"{reading.claim.text} {_capitalised(reading.range.advice)}.", "kind": ClaimKind.INFERENCE}
        )
        for reading in weak[:_MAX_ADVICE]
    ]
    return advice or [next(_general_suggestions(facts))]


def _suggestions(facts: KnownFacts, found: Sequence[Reading]) -> Iterator[Claim]:
    """Yield ideas for next posts, the most specific first; there are always four."""
    for claim in theme_sentences(facts):
        yield claim.model_copy(update={"text": f"Make a post about it. {claim.text}", "kind": ClaimKind.INFERENCE})
    if (asked := facts.number("comments_with_questions")) is not None and asked > 0:
        yield _idea(facts, "Answer in a post of its own what the comments ask.", "comments_with_questions")
    for reading in found[:1]:
        name = reading.range.name
        yield _idea(facts, f"Next time {reading.range.advice}, and compare the result with this post.", name)
    yield from _general_suggestions(facts)


def _general_suggestions(facts: KnownFacts) -> Iterator[Claim]:
    if not facts.number("question_count"):
        yield _idea(facts, "End with a question that viewers can answer in a few words.", "question_count")
    text, names = format_phrase(facts)
    yield _idea(facts, f"Make the same form again, {text}, with another subject, and compare.", *names)
    yield _idea(facts, "Keep the subject and change only the opening, to learn what the opening adds.", *names)
    yield _idea(facts, "Tell the same story to people who have never heard of it.", *names)
    yield _idea(facts, "Show next what came before this post, or what came of it.", *names)


def _idea(facts: KnownFacts, text: str, *names: str) -> Claim:
    return facts.claim(text, *names).model_copy(update={"kind": ClaimKind.INFERENCE})


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
