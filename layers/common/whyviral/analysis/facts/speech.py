"""Facts about speech in the first video of a post, from captions and from Whisper."""

import math
from collections.abc import Callable, Iterator, Sequence

from whyviral.analysis.facts.words import has_countable_words, has_unspaced_letters, split_pieces, split_words
from whyviral.integrations.http.language_tags import read_language_tag
from whyviral.integrations.http.vendor_text import has_words
from whyviral.integrations.ports.transcript import SpokenSegment, TranscriptSource
from whyviral.integrations.youtube.sound_markers import blank_markers

from .fact_sheet import FactSheet, read_number
from .media import MEASURED
from .snapshot import MediumSnapshot, PostSnapshot

HOOK_S = 3.0
"""The length of a video's hook: the part in which viewers decide whether to stay."""
MAX_SPOKEN_CHARACTERS = 300
_MAX_WORD_CHARACTERS = 40
_NEED_COUNTABLE_WORDS = frozenset({"spoken_words", "speech_rate"})
_NEED_WHOLE_TRANSCRIPT = frozenset({"spoken_words", "speech_share"})


def add_speech(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the facts about speech in the first video, if it has been transcribed.

    A truncated transcript without words does not prove that the video has no speech, so it adds nothing.
    """
    video = post.first_video
    if video is None or video.has_speech is None or (video.is_transcript_truncated and not video.has_speech):
        return
    source = str(video.transcript_source or MEASURED).replace("_", " ")
    facts.add_flag("has_speech", video.has_speech, source)
    if video.transcript_source and video.segments:
        facts.add("transcript_source", video.transcript_source.value, "source", f"{post.platform} media")
        facts.add_flag("transcript_is_cut", video.is_transcript_truncated, source)
        if language := read_language_tag(video.transcript_language):
            facts.add("transcript_language", language, "language code", source)
        if hook := words_between(video.segments, 0, HOOK_S):
            facts.add_quotation("spoken_hook", hook, "text", source)
        _add_hook_words(facts, video, source)
    if video.has_speech:
        _add_pace(facts, video, source)


def _add_pace(facts: FactSheet, video: MediumSnapshot, source: str) -> None:
    """Add the numbers of the speech; a truncated transcript gives none about the whole video."""
    paces: Sequence[tuple[str, str, str, Callable[[MediumSnapshot], float | None]]] = (
        ("first_word", "first_word_s", "seconds", _first_word_s),
        ("spoken_words", "speech_words", "words", _spoken_words),
        ("speech_rate", "speech_wpm", "words per minute of speech", _words_per_minute),
        ("speech_share", "speech_share", "ratio", _speech_share),
    )
    is_countable = has_countable_words(" ".join(blank_markers(segment.text) for segment in video.segments))
    for name, key, unit, compute in paces:
        if name in _NEED_COUNTABLE_WORDS and not is_countable:
            continue  # captions and Whisper would give different counts of the same words
        if video.is_transcript_truncated and name in _NEED_WHOLE_TRANSCRIPT:
            continue
        measured = read_number(video.measurements, key)
        value = compute(video) if measured is None else measured
        # Caption lines may have impossible times: before the start, or no duration.
        if value is not None and math.isfinite(value) and value >= 0:
            facts.add(name, round(value, 3), unit, source)


def _add_hook_words(facts: FactSheet, video: MediumSnapshot, source: str) -> None:
    """Add the number of words that begin in the hook; zero only if the whole transcript is known."""
    if not has_countable_words(" ".join(blank_markers(segment.text) for segment in video.segments)):
        return
    count = sum(start_s < HOOK_S for segment in video.segments for start_s, _, _ in _words(segment))
    if count or not video.is_transcript_truncated:
        facts.add("hook_words", count, "words", source)


def words_between(segments: Sequence[SpokenSegment], start_s: float, end_s: float) -> str:
    """Return the words that start in a time range, on one line, cut to a quotable length."""
    spoken = "".join(word for at_s, word in _pieces(segments) if start_s <= at_s < end_s).strip()
    if len(spoken) <= MAX_SPOKEN_CHARACTERS:
        return spoken
    space = spoken.rfind(" ", MAX_SPOKEN_CHARACTERS - _MAX_WORD_CHARACTERS, MAX_SPOKEN_CHARACTERS)
    return spoken[: space if space > 0 else MAX_SPOKEN_CHARACTERS]


def _pieces(segments: Sequence[SpokenSegment]) -> Iterator[tuple[float, str]]:
    """Yield spoken pieces with their start times, each with the space before it if its script writes one."""
    for segment in segments:
        before = ""
        for start_s, end_s, word in _words(segment):
            # Whisper separates words also in scripts that write no spaces.
            is_one_run = bool(segment.words) and has_unspaced_letters(before) and has_unspaced_letters(word)
            pieces = list(split_pieces(word))
            step_s = (end_s - start_s) / len(pieces)
            for number, piece in enumerate(pieces):
                yield start_s + number * step_s, piece if number or is_one_run else f" {piece}"
            before = word


def _words(segment: SpokenSegment) -> Iterator[tuple[float, float, str]]:
    """Yield each word with its times; caption lines have no word times, so words are spread evenly over the line."""
    if timed := list(_timed_words(segment)):
        yield from timed
        return
    words = split_words(blank_markers(segment.text))
    step_s = (segment.end_s - segment.start_s) / len(words) if words else 0
    for number, word in enumerate(words):
        yield segment.start_s + number * step_s, segment.start_s + (number + 1) * step_s, word


def _timed_words(segment: SpokenSegment) -> Iterator[tuple[float, float, str]]:
    """Yield the words that have times in the source, without sound markers, which may span several words."""
    spoken, at = blank_markers(" ".join(word.text for word in segment.words)), 0
    for word in segment.words:
        for part in split_words(spoken[at : at + len(word.text)]):
            yield word.start_s, word.end_s, part
        at += len(word.text) + 1


def _first_word_s(video: MediumSnapshot) -> float | None:
    if video.is_transcript_truncated and video.transcript_source is TranscriptSource.WHISPER:
        return None  # the worker omits it if speech before the first word has no transcript
    return next((start_s for segment in video.segments for start_s, _, _ in _words(segment)), None)


def _spoken_words(video: MediumSnapshot) -> int | None:
    return _word_count(video) or None


def _words_per_minute(video: MediumSnapshot) -> float | None:
    words, speech_s = _word_count(video), _speech_s(video)
    return words / speech_s * 60 if words and speech_s > 0 else None


def _speech_share(video: MediumSnapshot) -> float | None:
    speech_s, duration_s = _speech_s(video), video.duration_s
    if duration_s is None or duration_s <= 0 or not speech_s:
        return None
    return min(1.0, speech_s / duration_s)


def _word_count(video: MediumSnapshot) -> int:
    return sum(1 for segment in video.segments for _ in _words(segment))


def _speech_s(video: MediumSnapshot) -> float:
    return sum(max(0.0, line.end_s - line.start_s) for line in video.segments if has_words(blank_markers(line.text)))
