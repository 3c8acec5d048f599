"""The sources that a claim can cite: facts, spans of transcripts, media, the text of the post and its comments."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from whyviral.analysis.explanation.provenance import Citation
from whyviral.analysis.facts.fact_sheet import Fact

from .claim import SourceKind
from .leaks import without_leaks
from .quantities.dates import WrittenDate, read_dates, without_spans
from .quantities.measures import HOOK_S, Kind, Measure, measures_of_fact
from .quantities.numerals import plain
from .quantities.quantity import Form
from .quantities.reader import read_quantities

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Source:
    """One piece of evidence with an id, and all that it proves."""

    id: Citation
    kind: SourceKind
    label: str
    """What it is, in our words."""
    excerpt: str | None
    """Its value, or the start of its words, for readers; None for a medium."""
    measures: tuple[Measure, ...] = ()
    texts: tuple[str, ...] = ()
    """The words that may be quoted."""
    moments: tuple[datetime, ...] = ()
    weekdays: frozenset[int] = frozenset()
    minutes: frozenset[int] = frozenset()
    """Whole hours of the day that are known without a date, as minutes."""
    dates: tuple[WrittenDate, ...] = ()
    """Dates that its words name."""


_MAX_EXCERPT_CHARACTERS = 300


def fact_source(fact: Fact) -> Source:
    """Return a fact as a source."""
    listed = fact.value if isinstance(fact.value, tuple) else (str(fact.value),)
    moment = _moment(fact)
    is_weekday = fact.name.endswith("weekday") and isinstance(fact.value, str)
    is_hour = fact.unit == "UTC hour" and fact.number is not None
    words = listed if fact.is_quotation else (str(fact.value),) if isinstance(fact.value, str) else ()
    return Source(
        fact.id,
        SourceKind.FACT,
        fact.name,
        _excerpt(", ".join(listed) if fact.is_quotation else f"{fact.value} {fact.unit}"),
        measures=(*measures_of_fact(fact), *(_measures_of_words(words) if fact.is_quotation else ())),
        texts=(*words, " ".join(words)) if words else (),
        moments=(moment,) if moment else (),
        weekdays=frozenset({_WEEKDAYS.index(str(fact.value).lower())}) if is_weekday else frozenset(),
        minutes=frozenset({int(fact.number or 0) * 60}) if is_hour else frozenset(),
        dates=tuple(_dates_of_words(words)) if fact.is_quotation else (),
    )


def span_source(id_: Citation, *, video: int, start_s: float, end_s: float, text: str) -> Source:
    """Return a span of a transcript as a source."""
    times = [Measure(time_s, Kind.TIME, is_fact=False) for time_s in (start_s, end_s, end_s - start_s)]
    hook = [Measure(HOOK_S, Kind.TIME, is_fact=False)] if start_s < HOOK_S else []
    number = Measure(float(video), Kind.COUNT, frozenset({"videos"}), is_fact=False)
    return Source(
        id_,
        SourceKind.SPAN,
        f"video {video}, {start_s:g} to {end_s:g} s",
        _excerpt(text),
        measures=(*times, *hook, number, *_measures_of_words([text])),
        texts=(text,),
        dates=tuple(_dates_of_words([text])),
    )


def medium_source(id_: Citation, *, label: str, at_s: float | None) -> Source:
    """Return a picture or a video that was shown to the model as a source."""
    times = [] if at_s is None else [Measure(at_s, Kind.TIME, is_fact=False)]
    hook = [Measure(HOOK_S, Kind.TIME, is_fact=False)] if at_s is not None and at_s <= HOOK_S else []
    return Source(id_, SourceKind.MEDIUM, label, None, measures=(*times, *hook, *_measures_of_words([label])))


def text_source(id_: Citation, kind: SourceKind, label: str, text: str, *, likes: object = None) -> Source:
    """Return the text of a post or of a comment as a source."""
    is_count = isinstance(likes, int) and not isinstance(likes, bool)
    counted = [Measure(float(str(likes)), Kind.COUNT, frozenset({"likes"}), is_fact=False)] if is_count else []
    return Source(
        id_,
        kind,
        label,
        _excerpt(text),
        measures=(*counted, *_measures_of_words([text])),
        texts=(text,),
        dates=tuple(_dates_of_words([text])),
    )


def by_id(sources: Iterable[Source]) -> Mapping[str, Source]:
    """Return the sources by their ids."""
    return {source.id: source for source in sources}


def _excerpt(text: str) -> str:
    return without_leaks(text)[:_MAX_EXCERPT_CHARACTERS]


def _moment(fact: Fact) -> datetime | None:
    if not isinstance(fact.value, str) or fact.is_quotation or "time" not in fact.unit:
        return None
    try:
        return datetime.fromisoformat(fact.value)
    except ValueError:
        return None


def _measures_of_words(texts: Sequence[str]) -> Iterator[Measure]:
    """Yield the numbers that strangers' words hold; nothing is derived from them."""
    kinds = {Form.TIME: Kind.TIME, Form.COUNT: Kind.COUNT}
    for text in map(plain, texts):
        for quantity in read_quantities(without_spans(text, read_dates(text))):
            if quantity.is_denial:
                continue
            kind = kinds.get(quantity.form, Kind.RATIO)
            for value, _ in quantity.readings + (quantity.upper or ()):
                yield Measure(value, kind, frozenset(quantity.nouns), is_fact=False)


def _dates_of_words(texts: Sequence[str]) -> Iterator[WrittenDate]:
    for text in texts:
        yield from read_dates(plain(text))
