"""An answer whose claims were checked: one repair round with reasons, then a claim is dropped or made an inference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from whyviral.analysis.models import SUGGESTIONS
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.analyst import AnalystPrompt

from .answer import AnalystAnswer, ContentObservation, claims_of
from .claims.checker import ClaimChecker
from .claims.claim import Claim, ClaimKind
from .claims.settlement import PlacedClaim, Problem, RefusedClaim, find_problems, settle
from .claims.written_claim import read_claim
from .evidence import Evidence
from .measured_report import measured_report
from .untrusted_data import inert_json

type AskAgain = Callable[[AnalystPrompt], Mapping[str, Any]]
"""Asks the model once more and returns its answer in the shape `RepairedClaims`."""

_MIN_CLAIMS = {"quick_takeaways": 3, "suggestions_for_future_posts": SUGGESTIONS}
_OBSERVATION = "content_observation"


class RepairedClaim(BaseModel):
    """A claim that the model wrote again."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    number: int = Field(description="The number of the claim that it replaces.")
    text: str
    kind: ClaimKind
    evidence: list[str]


class RepairedClaims(BaseModel):
    """The claims that the model wrote again."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    claims: list[RepairedClaim]


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer fit to be saved and shown."""

    claims: Sequence[PlacedClaim]
    """In the order of the answer's fields; every field has at least as many as the answer's shape asks for."""
    refused: Sequence[RefusedClaim] = ()
    """What the model wrote and did not pass."""
    computed_fields: Sequence[str] = ()
    """Fields in which claims of the measured report stand for claims that were dropped."""

    def of(self, field: str) -> list[Claim]:
        """Return the claims of one field."""
        return [each.claim for each in self.claims if each.field == field]


def check_answer(
    answer: AnalystAnswer,
    evidence: Evidence,
    prompt: AnalystPrompt,
    *,
    ask_again: AskAgain | None,
) -> CheckedAnswer:
    """Return the answer with every claim checked.

    Args:
        answer: as the model wrote it.
        evidence: what it was asked about.
        prompt: the question that it answered.
        ask_again: asks the model for other claims in the shape `RepairedClaims`; None where no time is left.
    """
    placed = [PlacedClaim(field, claim) for field, claim in claims_of(answer)]
    checker = checker_of(evidence, instructions=prompt.system)
    problems = find_problems(placed, checker)
    repairs = _repairs(problems, prompt, ask_again) if problems and ask_again else {}
    settled = settle(placed, problems, repairs, checker)
    return _completed(CheckedAnswer(settled.kept, settled.refused), evidence)


def checker_of(evidence: Evidence, *, instructions: str = "") -> ClaimChecker:
    """Return the checker of claims about one post."""
    return ClaimChecker(
        evidence.sources,
        is_viral=evidence.verdict.is_viral,
        instructions=instructions,
        username=evidence.post.username,
    )


def repair_prompt(prompt: AnalystPrompt, problems: Sequence[Problem]) -> AnalystPrompt:
    """Return the question for other claims: the same facts and words, without media, and the reasons."""
    listed = [
        {
            "number": problem.number,
            "field": problem.placed.field,
            "text": problem.placed.claim.text,
            "kind": problem.placed.claim.kind,
            "evidence": problem.placed.claim.evidence,
            "refused_because": problem.findings.reasons,
        }
        for problem in problems
    ]
    lines = (
        prompt.user,
        "",
        "# Claims to write again",
        "You answered this question. Our check refused the claims below. Write each of them again, under its number,",
        "so that the evidence that it cites proves it: correct it, cite the right evidence, or leave out the unproven",
        "part.",
        "The media are not attached again. Answer with one JSON object: "
        '{"claims": [{"number", "text", "kind", "evidence"}]}.',
        inert_json(listed),
    )
    return replace(prompt, user="\n".join(lines), media=())


def _repairs(problems: Sequence[Problem], prompt: AnalystPrompt, ask_again: AskAgain) -> dict[int, Claim]:
    """Return the claims that the model wrote again; none where it fails, because the first answer is paid for."""
    try:
        answer = ask_again(repair_prompt(prompt, problems))
    except ProviderError:
        return {}
    listed = answer.get("claims")
    repairs: dict[int, Claim] = {}
    for item in listed if isinstance(listed, list) else []:
        fields = read_claim(item) if isinstance(item, Mapping) else None
        if isinstance(fields, dict) and isinstance(item.get("number"), int):
            repairs.setdefault(item["number"], Claim.model_validate(fields))
    return repairs


def _completed(checked: CheckedAnswer, evidence: Evidence) -> CheckedAnswer:
    """Fill what dropped claims left open with claims that are computed from the facts."""
    missing = {field: least - len(checked.of(field)) for field, least in _least_claims()}
    if all(number <= 0 for number in missing.values()):
        return checked
    computed = CheckedAnswer(
        [PlacedClaim(field, claim) for field, claim in claims_of(measured_report(evidence.facts, evidence.verdict))]
    )
    claims: list[PlacedClaim] = []
    for field, number in missing.items():
        own = checked.of(field)
        others = [claim for claim in computed.of(field) if claim not in own]
        claims += [PlacedClaim(field, claim) for claim in [*own, *others[: max(0, number)]]]
    return replace(checked, claims=claims, computed_fields=[field for field, number in missing.items() if number > 0])


def _least_claims() -> Iterator[tuple[str, int]]:
    """Yield every field with the number of claims that it needs, in the order of the answer."""
    for name in AnalystAnswer.model_fields:
        if name == _OBSERVATION:
            yield from ((f"{name}.{part}", 1) for part in ContentObservation.model_fields)
        else:
            yield name, _MIN_CLAIMS.get(name, 1)
