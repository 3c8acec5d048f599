"""Checks one claim against the evidence that it cites.

Every number, date, quoted phrase, hashtag and mention of the text must follow from the cited evidence, and every id
must exist. What only pictures can prove, such as how many people are in a frame, is not decided here: such a number is
refused, because nothing measured it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .claim import Claim, ClaimKind, SourceKind
from .lazy_pattern import LazyPattern
from .leaks import contradicts_verdict, find_leaks
from .quantities.dates import WrittenDate, read_dates, without_spans
from .quantities.grounding import is_grounded
from .quantities.measures import Measure
from .quantities.numerals import plain
from .quantities.quantity import Form, Quantity
from .quantities.reader import read_quantities
from .quotations import is_quoted_exactly, split_quotations, split_tags
from .source import Source

_PUBLIC_COUNTS = frozenset({"views", "likes", "comments", "shares", "quotes", "bookmarks", "followers", "engagements"})
_ATTRIBUTION = LazyPattern(
    r"\b(?:captions?|text|title|transcript|comment|speaker|voice|words|post (?:says|claims)|says?|said|claims?|claimed|"
    r"claiming|writes?|wrote|written|states?|stated|mentions?|announces?|promises?|asks?|tells?|according to)\b",
    re.IGNORECASE,
)
"""Words by which a claim says that a number is the post's own."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a claim, in sentences for the model and for the record."""

    leaks: tuple[str, ...] = ()
    """Reasons why the text must not even be kept."""
    ungrounded: tuple[str, ...] = ()
    """Statements in the text that the cited evidence does not prove."""
    unproven: tuple[str, ...] = ()
    """What the claim lacks to be more than an inference."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return all that is wrong; empty for a good claim."""
        return self.leaks + self.ungrounded + self.unproven


@dataclass(frozen=True, slots=True)
class ClaimChecker:
    """Checks the claims about one post."""

    sources: Mapping[str, Source]
    is_viral: bool
    instructions: str = ""
    """Our part of the prompt, which no claim may repeat."""
    username: str | None = None
    """Of the post's author, who may be named without a citation."""

    def check(self, claim: Claim) -> Findings:
        """Return what is wrong with a claim."""
        cited = [self.sources[id_] for id_ in claim.evidence if id_ in self.sources]
        return Findings(
            leaks=tuple(find_leaks(claim.text, self.instructions)),
            ungrounded=tuple(dict.fromkeys(self._ungrounded(claim.text, cited))),
            unproven=tuple(self._unproven(claim, cited)),
        )

    def _unproven(self, claim: Claim, cited: list[Source]) -> Iterator[str]:
        for id_ in claim.evidence:
            if id_ not in self.sources:
                yield f"{id_[:20]!r} is no id of the evidence"
        if claim.kind is ClaimKind.MEASURED and not any(source.kind is SourceKind.FACT for source in cited):
            yield "a measured claim must cite a fact"
        if claim.kind is ClaimKind.OBSERVED and not cited:
            yield "an observed claim must cite what was observed"

    def _ungrounded(self, text: str, cited: list[Source]) -> Iterator[str]:
        phrases, text = split_quotations(text)
        if contradicts_verdict(text, is_viral=self.is_viral):
            yield "it contradicts the verdict"
        words = [each for source in cited for each in source.texts]
        for phrase in phrases:
            if not is_quoted_exactly(phrase, words):
                yield f"the cited evidence does not contain the words “{phrase[:80]}”"
        tags, text = split_tags(text)
        for tag in tags:
            if tag[1:].lower() != (self.username or "").lower() and not is_quoted_exactly(tag, words):
                yield f"the cited evidence does not contain {tag[:80]}"
        yield from _wrong_numbers(plain(text), cited)


def _wrong_numbers(text: str, cited: list[Source]) -> Iterator[str]:
    measures = list(_measures_for(text, cited))
    dates = read_dates(text)
    for date in dates:
        if not _is_dated(date, cited) and not (date.is_clock and _is_clock_of(date, measures)):
            yield f"the cited evidence does not give the date or time {date.text.strip(' .,')!r}"
    for quantity in read_quantities(without_spans(text, dates)):
        if not is_grounded(quantity, measures):
            yield f"the cited evidence does not give the number {quantity.text.strip()!r}"


def _measures_for(text: str, cited: list[Source]) -> Iterator[Measure]:
    """Yield what the sources prove; a count that the post only claims proves that it claims so."""
    is_attributed = _ATTRIBUTION.search(text) is not None
    for source in cited:
        is_claimed = source.kind is not SourceKind.FACT or bool(source.texts)
        for measure in source.measures:
            if is_attributed or not (is_claimed and not measure.is_fact and measure.nouns & _PUBLIC_COUNTS):
                yield measure


def _is_dated(date: WrittenDate, cited: list[Source]) -> bool:
    """Whether a source gives the date; what a source says in words counts as it is written there."""
    return any(
        any(date.matches(moment) for moment in source.moments)
        or (not date.days and bool(date.weekdays) and bool(date.weekdays & source.weekdays))
        or (not date.days and not date.weekdays and any(map(date.matches_minute, source.minutes)))
        or any(
            (date.days, date.weekdays, date.minute_of_day) == (other.days, other.weekdays, other.minute_of_day)
            for other in source.dates
        )
        for source in cited
    )


def _is_clock_of(date: WrittenDate, measures: list[Measure]) -> bool:
    """Whether 3:05 is a time in a video, or 9:16 a ratio."""
    first, second = (int(part) for part in date.text.replace("h", ":").split(":")[:2])
    time = Quantity(date.text, ((first * 60.0 + second, 1.0),), Form.TIME)
    ratio = Quantity(date.text, ((first / second, 0.02 * first / second),), Form.SHARE) if second else None
    return is_grounded(time, measures) or (ratio is not None and is_grounded(ratio, measures))
