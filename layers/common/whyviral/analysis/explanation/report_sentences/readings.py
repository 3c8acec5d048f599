"""How unusual each measurement is, and what it says in a sentence. `docs/metrics.md` lists the ranges."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from whyviral.analysis.explanation.claims.claim import Claim

from .phrases import KnownFacts, per_each, percent, seconds, times

_ZERO_SURPRISE = 3.0
"""Of a ratio of zero, whose logarithm has no bound."""


@dataclass(frozen=True, slots=True)
class Range:
    """What is usual for one fact, and the sentences about a value inside, above and below."""

    name: str
    lowest: float
    highest: float
    say: Callable[[float], str]
    """The value as a phrase."""
    above: str
    inside: str
    below: str
    is_more_better: bool | None
    """Whether a high value speaks for the post; None where it only describes the post."""
    advice: str
    """What to change or to keep, as a clause without numbers."""
    weight: float = 1.0
    is_linear: bool = False
    """Compared by difference, as decibels are, and not by ratio."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement with how unusual it is."""

    range: Range
    surprise: float
    """0 inside the usual range; else how far outside, on the logarithmic scale of ratios."""
    claim: Claim
    is_strength: bool
    is_weakness: bool


RANGES = (
    Range(
        "outlier_ratio", 0.5, 2.0, times,
        "It did far better than this creator's other posts: {} their median.",
        "It did about as well as this creator's other posts: {} their median.",
        "It did worse than this creator's other posts: {} their median.",
        is_more_better=True, advice="compare this post with the creator's usual ones to see what differs", weight=2.0,
    ),
    Range(
        "views_per_follower", 0.1, 1.0, lambda v: per_each(v, "views", "follower"),
        "It travelled beyond the creator's own audience: {}.",
        "It reached a part of the creator's own audience: {}.",
        "It hardly reached the creator's own audience: {}.",
        is_more_better=True, advice="make the first moments clear to people who do not know the creator", weight=1.2,
    ),
    Range(
        "engagements_per_view", 0.01, 0.08, lambda v: per_each(v, "engagements", "view"),
        "Viewers reacted unusually often: {}.",
        "Viewers reacted about as often as usual: {}.",
        "Few viewers reacted: {}.",
        is_more_better=True, advice="give viewers something to answer, to save or to pass on",
    ),
    Range(
        "shares_per_like", 0.02, 0.15, lambda v: per_each(v, "shares", "like"),
        "People passed it on unusually often: {}.",
        "People passed it on about as often as usual: {}.",
        "People rarely passed it on: {}.",
        is_more_better=True, advice="give viewers a reason to send it to a friend", weight=1.2,
    ),
    Range(
        "comments_per_like", 0.005, 0.05, lambda v: per_each(v, "comments", "like"),
        "It made people talk: {}.",
        "People commented about as often as usual: {}.",
        "Few people commented: {}.",
        is_more_better=True, advice="ask for an opinion that is easy to give",
    ),
    Range(
        "engagements_per_follower", 0.005, 0.05, lambda v: per_each(v, "engagements", "follower"),
        "It drew many reactions for an audience of this size: {}.",
        "It drew about as many reactions as usual for an audience of this size: {}.",
        "It drew few reactions for an audience of this size: {}.",
        is_more_better=True, advice="speak to what this audience reacts to", weight=0.9,
    ),
    Range(
        "first_word", 0.1, 1.5, seconds,
        "Nothing is said for {} at the start.",
        "The first word comes after {}.",
        "It speaks from the first moment: the first word comes after {}.",
        is_more_better=False, advice="start to speak at once", weight=0.8,
    ),
    Range(
        "first_cut", 1.0, 5.0, seconds,
        "The first picture stays for {} before it is cut.",
        "The first cut comes after {}.",
        "The first cut comes early, after {}.",
        is_more_better=None, advice="show a second picture sooner", weight=0.6,
    ),
    Range(
        "cuts_per_minute", 4.0, 30.0, lambda v: f"{v:.3g} cuts per minute",
        "The pictures change fast: {}.",
        "The pictures change at a usual pace: {}.",
        "The pictures hardly change: {}.",
        is_more_better=None, advice="let the pictures change where the thought does", weight=0.6,
    ),
    Range(
        "speech_rate", 110.0, 180.0, lambda v: f"{v:.0f} words per minute",
        "The speaker talks fast: {}.",
        "The speaker talks at a usual pace: {}.",
        "The speaker talks slowly: {}.",
        is_more_better=None, advice="match the pace of the speech to the pace of the pictures", weight=0.8,
    ),
    Range(
        "silence_share", 0.0, 0.3, lambda v: f"{percent(v)} of it",
        "Long parts are silent: {}.",
        "Sound fills most of it; silent is {}.",
        "Sound fills all of it; silent is {}.",
        is_more_better=False, advice="cut the silent parts or fill them with sound", weight=0.6,
    ),
    Range(
        "loudness", -20.0, -10.0, lambda v: f"{v:.1f} LUFS",
        "It is very loud: {}.",
        "It is about as loud as most posts: {}.",
        "It is quiet, so many phones play it too softly: {}.",
        is_more_better=None, advice="raise the sound to the loudness of other posts", weight=0.5, is_linear=True,
    ),
    Range(
        "posting_hour_deviation", 0.0, 3.0, lambda v: f"{v:.2g} hours",
        "It was posted {} away from the creator's usual time.",
        "It was posted close to the creator's usual time, {} away.",
        "It was posted at the creator's usual time, {} away.",
        is_more_better=None, advice="post at the time at which the audience is used to find new posts", weight=0.4,
        is_linear=True,
    ),
)  # fmt: skip


def readings(facts: KnownFacts) -> list[Reading]:
    """Return what the facts say, the most unusual first."""
    found = [reading for each in RANGES if (reading := _reading(each, facts))]
    return sorted(found, key=lambda reading: -reading.surprise)


def _reading(each: Range, facts: KnownFacts) -> Reading | None:
    value = facts.number(each.name)
    if value is None or not math.isfinite(value):
        return None
    is_above, is_below = value > each.highest, value < each.lowest
    sentence = each.above if is_above else each.below if is_below else each.inside
    better, worse = (is_above, is_below) if each.is_more_better else (is_below, is_above)
    is_judged = each.is_more_better is not None
    return Reading(
        each,
        each.weight * _surprise(each, value),
        facts.claim(sentence.format(each.say(value)), each.name),
        is_strength=is_judged and better,
        is_weakness=is_judged and worse,
    )


def _surprise(each: Range, value: float) -> float:
    outside = max(value - each.highest, each.lowest - value, 0.0)
    if each.is_linear:
        return outside / max(1.0, each.highest - each.lowest)
    if outside == 0.0:
        return 0.0
    if value <= 0.0:
        return _ZERO_SURPRISE
    return math.log(value / each.highest if value > each.highest else each.lowest / value)
