"""Numbers of facts in the words of a measured report, and the claims that state them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind
from whyviral.analysis.explanation.claims.leaks import find_leaks
from whyviral.analysis.facts.fact_sheet import Fact

_MILLION, _BILLION = 1_000_000, 1_000_000_000
_MINUTE_S = 60
_DAY_HOURS, _YEAR_DAYS = 24, 365.25
_MAX_QUOTED_CHARACTERS = 80


class KnownFacts:
    """The facts of one post by name."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._by_name: Mapping[str, Fact] = {fact.name: fact for fact in facts}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def id(self, name: str) -> str:
        """Return the id of a known fact."""
        return self._by_name[name].id

    def number(self, name: str) -> float | None:
        """Return a fact as a number; None if it is unknown or no number."""
        fact = self._by_name.get(name)
        return None if fact is None or fact.number is None else float(fact.number)

    def words(self, name: str) -> str | None:
        """Return a fact in words; None if it is unknown or no words."""
        fact = self._by_name.get(name)
        return fact.value if fact is not None and isinstance(fact.value, str) else None

    def listed(self, name: str) -> tuple[str, ...]:
        """Return a fact that is a list; empty if it is unknown."""
        fact = self._by_name.get(name)
        return fact.value if fact is not None and isinstance(fact.value, tuple) else ()

    def flag(self, name: str) -> bool | None:
        """Return a fact that is true or false; None if it is unknown."""
        fact = self._by_name.get(name)
        return fact.value if fact is not None and isinstance(fact.value, bool) else None

    def claim(self, text: str, *names: str) -> Claim:
        """Return a measured claim that cites facts by name."""
        evidence = [self.id(name) for name in dict.fromkeys(names) if name in self]
        return Claim(text=text, kind=ClaimKind.MEASURED, evidence=evidence)


def count(value: float, noun: str = "") -> str:
    """Return a count, such as `48,100 views`; millions are rounded to three digits."""
    if value >= _BILLION:
        number = f"{value / _BILLION:.3g} billion"
    elif value >= _MILLION:
        number = f"{value / _MILLION:.3g} million" if value < 999.5 * _MILLION else "1 billion"
    else:
        number = f"{round(value):,}"
    return f"{number} {noun[:-1] if round(value) == 1 and noun.endswith('s') else noun}".strip()


def times(value: float) -> str:
    """Return a ratio, such as `3.2 times`."""
    return f"{_rounded(value)} times"


def percent(ratio: float) -> str:
    """Return a ratio as a percentage."""
    return f"{_rounded(100 * ratio)}%"


def per_each(ratio: float, counted: str, other: str) -> str:
    """Return a ratio in whole things: `40 views for every follower`, `42 shares for every 100 likes`."""
    if ratio >= 2:  # noqa: PLR2004 - from two on the plural fits
        return f"{_rounded(ratio)} {counted} for every {other}"
    group = next((size for size in (100, 10_000) if ratio * size >= 1), 1_000_000) if ratio else 100
    return f"{_rounded(group * ratio)} {counted} for every {group:,} {other}s"


def _rounded(value: float) -> str:
    """Return two digits of a small number, and all digits before the point of a large one."""
    if value >= 9.95:  # noqa: PLR2004 - below, two digits need a point
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.2g}'):f}"  # never in the notation of 8.9e-05


def seconds(value: float) -> str:
    """Return a time, such as `12 seconds` or `2 minutes and 5 seconds`."""
    if value >= 2 * _MINUTE_S:
        minutes, rest = divmod(round(value), _MINUTE_S)
        return f"{_of(minutes, 'minute')} and {_of(rest, 'second')}" if rest else _of(minutes, "minute")
    number = f"{value:.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits
    return f"{number} second" if number == "1" else f"{number} seconds"


def age(hours: float) -> str:
    """Return an age in the unit that a reader would use."""
    days = hours / _DAY_HOURS
    if days < 2:  # noqa: PLR2004 - in hours up to two days
        return _of(round(hours), "hour")
    return _of(round(days), "day") if days < 2 * _YEAR_DAYS else f"{days / _YEAR_DAYS:.1f} years"


def quoted(text: str) -> str | None:
    """Return the beginning of strangers' words in quotation marks, cut between words.

    None where it holds what no report may repeat, such as a link, or marks that would end the quotation.
    """
    words = " ".join(text.split())
    if any(find_leaks(words, "")):
        return None
    if len(words) > _MAX_QUOTED_CHARACTERS:
        words, blank, _ = words[:_MAX_QUOTED_CHARACTERS].rpartition(" ")
        if not blank:
            return None
    words = words.strip(" .,;:!?-\u2013\u2014\u2026")
    return f"“{words}”" if words and not set(words) & set('“”„"<>{}[]`|\\') else None


def joined(parts: Sequence[str]) -> str:
    """Return parts as one phrase: `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _of(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
