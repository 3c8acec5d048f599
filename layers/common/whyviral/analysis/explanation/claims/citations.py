"""Citations in prose: the ids of facts, transcript spans, media, text and comments in brackets, such as [F1].

Models write them in other brackets and with words around the id. All of these forms become one before they are read.
"""

import re
import unicodedata
from collections.abc import Iterator

from .lazy_pattern import LazyPattern

INFERENCE = "[inference]"

_SQUARE = "[［【〔〖⟦", "]］】〕〗⟧"  # noqa: RUF001 - the look-alikes are the point
_OTHER = "(（{｛<＜〈⟨《«‹「『", ")）}｝>＞〉⟩》»›」』"  # noqa: RUF001 - as above


def _bracket(opening: str, closing: str, *, excluded: str) -> LazyPattern:
    """Return the pattern of a bracket, perhaps doubled or escaped, or of the text of a Markdown link."""
    start, end = (rf"\\?[{re.escape(each)}]" for each in (opening, closing))
    inside = rf"[^{re.escape(excluded)}\n\\]{{2,200}}"
    return LazyPattern(
        rf"(?:{start}\s?{start}(?P<doubled>{inside}){end}\s?{end}|{start}(?P<single>{inside}){end})"
        r"(?:(?<=\])\([^)\s]{1,500}\))?"
    )


_SQUARE_BRACKET = _bracket(*_SQUARE, excluded="".join(_SQUARE))
_OTHER_BRACKET = _bracket(*_OTHER, excluded="".join(_SQUARE + _OTHER))
_NOUN = r"facts?|spans?|transcripts?|media|medium"
_LABELS = rf"(?:(?:see|cf|per|from|by|the|in|sources?|refs?|references?|citations?|cites?|ids?|no|{_NOUN})\b[\s:.#-]*)"
_ID = (
    rf"(?:(?:{_LABELS}*)(?<![^\W_])(?P<letter>[FTMPC])\s?[#-]?\s?|(?P<noun>{_NOUN})\s?#?\s?)"
    r"(?P<number>[0-9]+)(?![^\W_])"
)
_BETWEEN = r"(?:[,;&/|+\s\u2013\u2014-]|\b(?:and|to|or|through)\b)+"
_FIRST = LazyPattern(rf"[\s^]*{_LABELS}*{_ID}", re.IGNORECASE)
_NEXT = LazyPattern(rf"{_BETWEEN}{_ID}|(?!\s+[0-9]){_BETWEEN}(?P<bare>[0-9]+)(?!\w|[:.][0-9])", re.IGNORECASE)
_TIGHT_ID = LazyPattern(r"(?<![^\W_])(?P<letter>[FTMPC])(?P<number>[0-9]+)(?![^\W_])", re.IGNORECASE)
_INFERENCE = LazyPattern(r"\s*infer(?:ence|red)\s*", re.IGNORECASE)
_EDGES = " \t,;:=.&/|+\u2013\u2014\u2020()-"


def plain_citations(text: str) -> str:
    """Return the text with one id per bracket, in square brackets: `[F1, F2]` becomes `[F1][F2]`."""
    text = _SQUARE_BRACKET.sub(lambda match: _plain(match, is_square=True), text)
    return _OTHER_BRACKET.sub(lambda match: _plain(match, is_square=False), text)


def _plain(match: re.Match[str], *, is_square: bool) -> str:
    inside = unicodedata.normalize("NFKC", match["doubled"] or match["single"])
    if _INFERENCE.fullmatch(inside):
        return INFERENCE
    ids, rest = _split(inside, is_square=is_square)
    if not ids:
        return match[0]
    cited = [f"[{id_}]" for id_ in ids]
    if _INFERENCE.fullmatch(rest):
        cited, rest = [*cited, INFERENCE], ""
    return (f"({rest}) " if rest else "") + "".join(dict.fromkeys(cited))


def _split(inside: str, *, is_square: bool) -> tuple[list[str], str]:
    """Return the ids that the inside of a bracket cites, and the other words in it; no ids where it cites nothing.

    Round brackets and quotation marks hold ordinary words as well: in them, only what starts with ids is a citation.
    """
    ids, end = _leading_ids(inside)
    rest = inside[end:].strip(_EDGES)
    if ids and not rest:
        return ids, ""
    if ids and inside[end:].lstrip().startswith((":", "=")):
        return ids, rest
    tight = [f"{match['letter'].upper()}{match['number']}" for match in _TIGHT_ID.finditer(inside)] if is_square else []
    words = re.sub(_LABELS + r"*$", "", _TIGHT_ID.sub(" ", inside).strip(_EDGES), flags=re.IGNORECASE)
    return tight, " ".join(words.split()).strip(_EDGES)


def _leading_ids(inside: str) -> tuple[list[str], int]:
    """Return the ids at the start, and where they end; of a range the two ends."""
    ids: list[str] = []
    end = 0
    for letter, number, position in _id_tokens(inside):
        ids.append(f"{letter}{number}")
        end = position
    return ids, end


def _id_tokens(inside: str) -> Iterator[tuple[str, str, int]]:
    letter = ""
    match = _FIRST.match(inside)
    while match:
        letter = _letter(match) or letter
        yield letter, match.groupdict().get("bare") or match["number"], match.end()
        match = _NEXT.match(inside, match.end())


def _letter(match: re.Match[str]) -> str:
    """Return the letter of an id, which for `fact 1` is that of facts."""
    if match["letter"]:
        return match["letter"].upper()
    noun = (match["noun"] or "").lower()
    return {"f": "F", "s": "T", "t": "T", "m": "M"}[noun[0]] if noun else ""
