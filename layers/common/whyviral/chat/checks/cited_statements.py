"""Checks what an answer says beside its citations, with the checker of an analysis's claims."""

import re
from collections.abc import Mapping

from whyviral.analysis.explanation.claims.checker import ClaimChecker
from whyviral.analysis.explanation.claims.citations import INFERENCE, plain_citations
from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind
from whyviral.analysis.explanation.claims.source import Source

_GROUP = re.compile(r"\[[FTMPC][0-9]+\](?:\s?(?:\[[FTMPC][0-9]+\]|\[inference\]))*")
_ID = re.compile(r"\[([FTMPC][0-9]+)\]")
_CLAUSE_START = re.compile(r"[.!?;\u2026\u3002\uff01\uff1f](?=\s|$)|\n|\]")


class CitedStatements:
    """Brings citations into one form, and marks as inference what the cited evidence does not prove."""

    def __init__(self, sources: Mapping[str, Source], *, is_viral: bool) -> None:
        self._sources = sources
        self._checker = ClaimChecker(sources, is_viral=is_viral)
        self.unknown = 0
        """How many citations named nothing that the model was given."""
        self.unproven = 0
        """How many statements their citations do not prove."""

    def with_known_citations(self, text: str) -> str:
        """Return the text with one id per bracket, and `[inference]` for each unknown id."""
        return _ID.sub(self._known, plain_citations(text))

    def with_proven_citations(self, text: str) -> str:
        """Return the text with `[inference]` for citations that do not prove the clause before them.

        Args:
            text: prose with one known id per bracket.
        """
        return _GROUP.sub(lambda group: INFERENCE if self._is_unproven(text, group) else group[0], text)

    def _known(self, match: re.Match[str]) -> str:
        if match[1] in self._sources:
            return match[0]
        self.unknown += 1
        return INFERENCE

    def _is_unproven(self, text: str, group: re.Match[str]) -> bool:
        starts = [match.end() for match in _CLAUSE_START.finditer(text, 0, group.start())]
        clause = text[starts[-1] if starts else 0 : group.start()].strip()
        claim = Claim(text=clause, kind=ClaimKind.OBSERVED, evidence=_ID.findall(group[0]))
        is_unproven = bool(clause) and bool(self._checker.check(claim).ungrounded)
        self.unproven += is_unproven
        return is_unproven
