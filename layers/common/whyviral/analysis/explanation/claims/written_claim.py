"""Reads claims as models write them: as objects, or as prose with citations in brackets; and renders them as prose."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from .citations import INFERENCE, plain_citations
from .claim import Claim, ClaimKind
from .lazy_pattern import LazyPattern

MAX_CLAIM_CHARACTERS = 600
MAX_EVIDENCE = 12
_ELLIPSIS = "…"
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CITED = LazyPattern(r"\s?\[(?:([FTMPC][0-9]{1,9})|inference)\]")
_ID = LazyPattern(r"[^\w]*([FTMPCftmpc][0-9]{1,9})[^\w]*")
_SENTENCE = LazyPattern(
    r".+?(?:[.!?\u2026](?:[\"\u201d\u2019')]*)(?:\s?\[(?:[FTMPC][0-9]+|inference)\])*(?=\s|$)|[\u3002\uff01\uff1f]|\n+|$)",
    re.DOTALL,
)
_FULL_STOPS = ".!?"


def clean(value: str) -> str:
    """Return a text on one line, without invisible characters on which a terminal, a page or a database may act."""
    return " ".join("".join(map(_harmless, value)).split())


def read_prose(text: str) -> list[str]:
    """Return the sentences of prose, each with the citations behind it."""
    checked = plain_citations(text[: 20 * MAX_CLAIM_CHARACTERS])
    return [sentence for match in _SENTENCE.finditer(checked) if (sentence := match[0].strip())]


def read_claim(value: object) -> dict[str, Any] | Claim | None:
    """Return a claim as the fields of `Claim`; None where it has no text."""
    if isinstance(value, Claim):
        return value
    written: Mapping[str, Any] = value if isinstance(value, Mapping) else {"text": value}
    prose = written.get("text")
    if not isinstance(prose, str):
        return None
    text, cited, is_inference = _split(prose)
    if not any(map(str.isalnum, text)):
        return None
    listed = written.get("evidence")
    evidence = [id_ for item in (listed if isinstance(listed, list) else []) if (id_ := _id_of(item))]
    evidence = list(dict.fromkeys([*evidence, *cited]))[:MAX_EVIDENCE]
    kind = written.get("kind")
    if not isinstance(kind, str) or kind not in set(ClaimKind):
        kind = _kind_by(evidence, is_inference=is_inference)
    return {"text": _cut(text), "kind": kind, "evidence": evidence}


def rendered(claim: Claim) -> str:
    """Return a claim as prose, with its citations before the full stop."""
    marks = "".join(f"[{id_}]" for id_ in claim.evidence) + (INFERENCE if claim.kind is ClaimKind.INFERENCE else "")
    if not marks:
        return claim.text
    if claim.text.endswith(tuple(_FULL_STOPS)) and not claim.text.endswith("..."):
        return f"{claim.text[:-1]} {marks}{claim.text[-1]}"
    return f"{claim.text} {marks}"


def _harmless(character: str) -> str:
    if unicodedata.category(character) == "Cc":
        return " " if character.isspace() else ""
    return "" if character in _BIDI_CONTROLS or unicodedata.category(character) == "Cs" else character


def _split(written: str) -> tuple[str, list[str], bool]:
    """Return the text without citations, the ids that it cites, and whether it calls itself an inference."""
    text = plain_citations(clean(written[: 4 * MAX_CLAIM_CHARACTERS]))
    cited = [match[1] for match in _CITED.finditer(text) if match[1]]
    return " ".join(_CITED.sub("", text).split()), cited, INFERENCE in text


def _id_of(item: object) -> str | None:
    """Return an id in its usual form; any other text as it is, so that the checker refuses it."""
    if not isinstance(item, str):
        return None
    match = _ID.fullmatch(item)
    return match[1].upper() if match else clean(item)[:20] or None


def _kind_by(evidence: list[str], *, is_inference: bool) -> ClaimKind:
    if is_inference or not evidence:
        return ClaimKind.INFERENCE
    return ClaimKind.MEASURED if any(id_.startswith("F") for id_ in evidence) else ClaimKind.OBSERVED


def _cut(text: str) -> str:
    """Cut a text at the last word that still fits."""
    if len(text) <= MAX_CLAIM_CHARACTERS:
        return text
    kept = text[: MAX_CLAIM_CHARACTERS - len(_ELLIPSIS)]
    if not text[len(kept)].isspace():
        words, blank, rest = kept.rpartition(" ")
        # Languages without blanks have no last word near the limit.
        kept = words if blank and len(rest) < MAX_CLAIM_CHARACTERS // 10 else kept
    return kept.rstrip() + _ELLIPSIS
