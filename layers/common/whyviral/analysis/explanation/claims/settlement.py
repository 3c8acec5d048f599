"""Decides what becomes of every claim of an answer: kept, repaired, made an inference, replaced or dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .checker import ClaimChecker, Findings
from .claim import Claim, ClaimKind, ClaimOutcome


@dataclass(frozen=True, slots=True)
class PlacedClaim:
    """A claim in its field of the answer."""

    field: str
    """Such as `quick_takeaways` or `content_observation.hook`."""
    claim: Claim


@dataclass(frozen=True, slots=True)
class Problem:
    """A claim of the model that did not pass the check."""

    number: int
    """Its place among all claims of the answer, from 1."""
    placed: PlacedClaim
    findings: Findings


@dataclass(frozen=True, slots=True)
class RefusedClaim:
    """A claim as the model first wrote it, why it did not pass, and what became of it."""

    field: str
    text: str | None
    """None where the text must not be kept, such as one with a link."""
    kind: ClaimKind
    evidence: tuple[str, ...]
    reasons: tuple[str, ...]
    outcome: ClaimOutcome


@dataclass(frozen=True, slots=True)
class SettledClaims:
    """The claims that may be shown, and the record of the others."""

    kept: Sequence[PlacedClaim]
    refused: Sequence[RefusedClaim]


def find_problems(placed: Sequence[PlacedClaim], checker: ClaimChecker) -> list[Problem]:
    """Return the claims that do not pass the check."""
    return [
        Problem(number, each, findings)
        for number, each in enumerate(placed, start=1)
        if (findings := checker.check(each.claim)).reasons
    ]


def settle(
    placed: Sequence[PlacedClaim],
    problems: Sequence[Problem],
    repairs: Mapping[int, Claim],
    checker: ClaimChecker,
) -> SettledClaims:
    """Return the claims that may be shown.

    Args:
        placed: all claims of the answer.
        problems: those among them that did not pass.
        repairs: what the model wrote in their place, by number.
        checker: the check that they did not pass.
    """
    kept: list[PlacedClaim] = []
    refused: list[RefusedClaim] = []
    by_number = {problem.number: problem for problem in problems}
    for number, each in enumerate(placed, start=1):
        problem = by_number.get(number)
        if problem is None:
            kept.append(each)
            continue
        claim, outcome = _settled(problem, repairs.get(number), checker)
        refused.append(_record(problem, outcome))
        if claim is not None:
            kept.append(replace(each, claim=claim))
    return SettledClaims(kept, refused)


def _settled(problem: Problem, repair: Claim | None, checker: ClaimChecker) -> tuple[Claim | None, ClaimOutcome]:
    candidates = [problem.placed.claim]
    findings = problem.findings
    if repair is not None:
        candidates.insert(0, repair)
        findings = checker.check(repair)
        if not findings.reasons:
            return repair, ClaimOutcome.REPAIRED
    for candidate in candidates:
        if not (found := checker.check(candidate)).leaks and not found.ungrounded:
            known = [id_ for id_ in candidate.evidence if id_ in checker.sources]
            inference = candidate.model_copy(update={"kind": ClaimKind.INFERENCE, "evidence": known})
            return inference, ClaimOutcome.MADE_INFERENCE
    return None, ClaimOutcome.DROPPED


def _record(problem: Problem, outcome: ClaimOutcome) -> RefusedClaim:
    claim = problem.placed.claim
    return RefusedClaim(
        field=problem.placed.field,
        text=None if problem.findings.leaks else claim.text,
        kind=claim.kind,
        evidence=tuple(claim.evidence),
        # The other reasons quote the text.
        reasons=problem.findings.leaks or problem.findings.reasons,
        outcome=outcome,
    )
