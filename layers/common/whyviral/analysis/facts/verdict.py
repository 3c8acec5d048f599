"""The result of the virality rule."""

from dataclasses import dataclass
from enum import StrEnum


class Confidence(StrEnum):
    """The confidence of a verdict; only a comparison with at least 20 posts of the creator can make it high."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Rule(StrEnum):
    """The versions of the rule; an analysis keeps the version with which it was made."""

    V0 = "v0"
    """Reach, spread and engagement strength; replaced, because gaining views could lose the verdict."""
    V0_1 = "v0.1"
    """Reach and spread alone, for a post without a baseline."""
    V1 = "v1"
    """The outlier ratio against the creator's other posts."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the rule for one post, with its reasons."""

    is_viral: bool
    rule: Rule
    score: float
    """0 to 1: v1 has 0.5 at 5 times the creator's median; v0.1 the share of the points for reach and spread."""
    threshold: float
    """The minimum score of a viral post; it is higher if only one signal of v0.1 is known."""
    n: int
    """The number of the creator's other posts that were comparable."""
    confidence: Confidence
    reasons: tuple[str, ...]
    """Sentences that cite facts by id; the doubts that lower the confidence are among them."""
