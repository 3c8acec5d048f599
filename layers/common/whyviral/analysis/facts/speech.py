"""What is said in the first video of a post, how early and how fast, whoever wrote it down."""

import math
import re
from collections.abc import Callable, Iterator, Sequence

from whyviral.integrations.ports.transcript import SpokenSegment

from .fact_sheet import FactSheet, read_number
from .languages import language_code
from .media import MEASURED
from .snapshot import MediumSnapshot, PostSnapshot

HOOK_S = 3.0
"""How much of a video decides whether people stay."""
MAX_SPOKEN_CHARACTERS = 300

_CUE = re.compile(r"\[[^\[\]]{0,100}\]|[\u2669-\u266f]")
"""What captions write down that nobody says: [Music], and notes around a song."""


def add_speech(facts: FactSheet, post: PostSnapshot) -> None:
    """Add what is said, unless nobody has listened to the first video."""
    video = post.first_video
    if video is None or video.has_speech is None:
        return
    source = str(video.transcript_source or MEASURED).replace("_", " ")
    facts.add_flag("has_speech", video.has_speech, source)
    if video.transcript_source and video.segments:
        facts.add("transcript_source", video.transcript_source.value, "source", f"{post.platform} media")
        facts.add_flag("transcript_is_cut", video.is_transcript_truncated, source)
        if language := language_code(video.transcript_language):
            facts.add("transcript_language", language, "language code", source)
        if hook := said_between(video.segments, 0, HOOK_S):
            facts.add_quotation("spoken_hook", hook, "text", source)
    if video.has_speech:
        _add_pace(facts, video, source)


def _add_pace(facts: FactSheet, video: MediumSnapshot, source: str) -> None:
    paces: Sequence[tuple[str, str, str, Callable[[MediumSnapshot], float | None]]] = (
        ("first_word", "first_word_s", "seconds", _first_word_s),
        ("spoken_words", "speech_words", "words", _spoken_words),
        ("speech_rate", "speech_wpm", "words per minute of speech", _words_per_minute),
        ("speech_share", "speech_share", "ratio", _speech_share),
    )
    for name, key, unit, compute in paces:
        measured = read_number(video.measurements, key)
        value = compute(video) if measured is None else measured
        # Lines may claim impossible times: before the beginning, or no time at all.
        if value is not None and math.isfinite(value) and value >= 0:
            facts.add(name, round(value, 3), unit, source)


def said_between(segments: Sequence[SpokenSegment], start_s: float, end_s: float) -> str:
    """Return the words that begin in a stretch of time, on one line, cut where they are too many to quote."""
    said = " ".join(word for at_s, word in _words(segments) if start_s <= at_s < end_s)
    return said if len(said) <= MAX_SPOKEN_CHARACTERS else said[:MAX_SPOKEN_CHARACTERS].rsplit(" ", 1)[0]


def _words(segments: Sequence[SpokenSegment]) -> Iterator[tuple[float, str]]:
    """Yield each word with its start; lines of captions time no words, so theirs are spread evenly over the line."""
    for segment in segments:
        timed = [(word.start_s, text) for word in segment.words for text in _spoken(word.text)]
        if timed:
            yield from timed
            continue
        words = _spoken(segment.text)
        step_s = (segment.end_s - segment.start_s) / len(words) if words else 0
        yield from ((segment.start_s + number * step_s, word) for number, word in enumerate(words))


def _spoken(text: str) -> list[str]:
    return [word for word in _CUE.sub(" ", text).split() if any(map(str.isalnum, word))]


def _first_word_s(video: MediumSnapshot) -> float | None:
    return next((at_s for at_s, _ in _words(video.segments)), None)


def _spoken_words(video: MediumSnapshot) -> int | None:
    return None if video.is_transcript_truncated else _word_count(video) or None


def _words_per_minute(video: MediumSnapshot) -> float | None:
    words, speech_s = _word_count(video), _speech_s(video)
    return words / speech_s * 60 if words and speech_s > 0 else None


def _speech_share(video: MediumSnapshot) -> float | None:
    speech_s, duration_s = _speech_s(video), video.duration_s
    if video.is_transcript_truncated or duration_s is None or duration_s <= 0 or not speech_s:
        return None
    return min(1.0, speech_s / duration_s)


def _word_count(video: MediumSnapshot) -> int:
    return sum(1 for _ in _words(video.segments))


def _speech_s(video: MediumSnapshot) -> float:
    return sum(max(0.0, line.end_s - line.start_s) for line in video.segments if _spoken(line.text))
