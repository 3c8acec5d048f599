"""Runs the checker of claims over the corpus of true and false statements."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyviral.analysis.explanation.claims.checker import ClaimChecker
from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind, SourceKind
from whyviral.analysis.explanation.claims.source import (
    by_id,
    fact_source,
    span_source,
    text_source,
)
from whyviral.analysis.facts.fact_sheet import Fact

_CORPUS = Path(__file__).parent / "corpus"
_QUOTATIONS = frozenset({"hashtags", "spoken_hook"})


@dataclass(frozen=True, slots=True)
class JudgedStatement:
    """One statement of the corpus, and what the checker said about it."""

    kind: str
    text: str
    is_true: bool
    reasons: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether the checker refused a false statement or accepted a true one."""
        return self.is_true is not bool(self.reasons)


@dataclass(frozen=True, slots=True)
class ClassRates:
    """How the checker did on one class of statements."""

    kind: str
    faults: int
    caught: int
    true: int
    refused: int


def judge_corpus() -> list[JudgedStatement]:
    """Check every statement of the corpus."""
    posts = [_Post(json.loads(line)) for line in (_CORPUS / "posts.jsonl").read_text().splitlines()]
    lines = (_CORPUS / "statements.jsonl").read_text().splitlines()
    return [posts[each["post"]].judge(each) for each in map(json.loads, lines)]


def rates_by_class(judged: list[JudgedStatement]) -> Iterator[ClassRates]:
    """Yield the rates of every class, and of all together."""
    for kind in (*sorted({each.kind for each in judged}), "all"):
        of_class = [each for each in judged if kind in (each.kind, "all")]
        faults = [each for each in of_class if not each.is_true]
        true = [each for each in of_class if each.is_true]
        yield ClassRates(
            kind,
            len(faults),
            sum(each.is_right for each in faults),
            len(true),
            sum(not each.is_right for each in true),
        )


class _Post:
    """The evidence about one invented post."""

    def __init__(self, post: Mapping[str, Any]) -> None:
        facts = [
            Fact(
                f"F{number}",
                name,
                tuple(value) if isinstance(value, list) else value,
                unit,
                "corpus",
                is_quotation=name in _QUOTATIONS,
            )
            for number, (name, (value, unit)) in enumerate(post["facts"].items(), start=1)
        ]
        self._ids = {fact.name: fact.id for fact in facts}
        spans = enumerate(post["spans"], start=1)
        comments = enumerate(post["comments"], start=1)
        sources = (
            *map(fact_source, facts),
            *(span_source(f"T{n}", video=1, start_s=start, end_s=end, text=text) for n, (start, end, text) in spans),
            text_source("P1", SourceKind.TEXT, "text of the post", post["text"]),
            *(text_source(f"C{n}", SourceKind.COMMENT, f"comment {n}", text) for n, text in comments),
        )
        self._checker = ClaimChecker(by_id(sources), is_viral=True)

    def judge(self, statement: Mapping[str, Any]) -> JudgedStatement:
        evidence = [self._ids.get(name, name) for name in statement["cites"]]
        findings = self._checker.check(Claim(text=statement["text"], kind=ClaimKind.INFERENCE, evidence=evidence))
        return JudgedStatement(statement["class"], statement["text"], statement["is_true"], findings.reasons)
