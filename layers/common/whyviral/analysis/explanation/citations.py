"""Citations in prose: the ids of facts, transcript spans and media in brackets, such as [F1]."""

import re
from collections.abc import Collection
from dataclasses import dataclass

INFERENCE = "[inference]"

_BETWEEN = r"\s*(?:[,;&\u2013-]|\band\b|\bto\b)\s*"
_CITATIONS = re.compile(rf"\[\s*([FTM][0-9]+(?:{_BETWEEN}[FTM][0-9]+)*)\s*\]", re.IGNORECASE)
"""One or more ids in a bracket; a range stands for its two ends."""


@dataclass(slots=True)
class CitationCheck:
    """Replaces citations of unknown ids by `[inference]`, and counts them."""

    known_ids: Collection[str]
    unknown: int = 0

    def apply(self, text: str) -> str:
        """Return the text with one id per bracket, and no id that is unknown."""
        return _CITATIONS.sub(self._checked, text)

    def _checked(self, match: re.Match[str]) -> str:
        ids = [id_.upper() for id_ in re.split(_BETWEEN, match[1], flags=re.IGNORECASE)]
        self.unknown += sum(id_ not in self.known_ids for id_ in ids)
        return "".join(dict.fromkeys(f"[{id_}]" if id_ in self.known_ids else INFERENCE for id_ in ids))
