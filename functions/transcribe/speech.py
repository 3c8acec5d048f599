"""Rules of recognised speech: which text is credible, how it is cut into segments, and what is measured of it.

Measurements, absent where there is nothing to measure:

- `speech_words` words of the whole medium; absent when not all of it was heard
- `speech_wpm` words a minute of speech, pauses between segments left out
- `speech_share` share of the medium with voices, 0 to 1; absent when not all of it was heard
- `first_word_s` seconds until the first word; absent when a voice before it has no words
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript

# Source: openai/whisper, `whisper/transcribe.py`: the defaults beyond which it calls its own decoding failed or silent.
_MIN_LOG_PROBABILITY = -1.0
_MAX_COMPRESSION_RATIO = 2.4
_MAX_NO_SPEECH_PROBABILITY = 0.6
_MIN_LOG_PROBABILITY_IF_SILENT = -0.5

_SENTENCE_ENDS = (".", "?", "!", "…", "。", "\uff1f", "\uff01", "।", "؟")  # also Chinese, Hindi and Arabic
_CONTINUATIONS = ("-", "'", "\u2019", ".", ",", "%")
_MIN_SENTENCE_S = 1.0
"""What ends sooner is an abbreviation: "Mr."."""
_MAX_PAUSE_S = 0.8
_MAX_SEGMENT_S = 15.0
_WORD_SLACK_S = 0.35
"""How far from a word its voice may be: the model times words to about a third of a second."""
_MIN_VOICE_S = 0.5
"""A voice that is shorter says no word that is missed."""

type Stretch = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the model says about up to half a minute of sound, and how sure it is."""

    words: Sequence[SpokenWord]
    """Their texts begin with a space where the language has any."""
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    """Of the text: words in a loop compress well."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a medium."""

    transcript: Transcript
    voice_s: float = 0.0
    """How long voices were detected, whether or not their words are credible."""
    unclear: Sequence[Stretch] = ()
    """Where voices were detected and no words could be made out; the transcript is truncated then."""


def is_credible(chunk: Chunk) -> bool:
    """Whether this was said: a model that gets music, noise or a foreign language invents words or repeats them."""
    if not chunk.words or chunk.compression_ratio > _MAX_COMPRESSION_RATIO:
        return False
    is_silent = chunk.no_speech_probability > _MAX_NO_SPEECH_PROBABILITY
    least = _MIN_LOG_PROBABILITY_IF_SILENT if is_silent else _MIN_LOG_PROBABILITY
    return chunk.average_log_probability >= least


def without_words(voices: Sequence[Stretch], words: Iterable[SpokenWord]) -> list[Stretch]:
    """Return where voices were detected and no word is: half a second of voice or more between two words.

    Args:
        voices: in the order of time, not overlapping, without padding.
        words: in the order of time.
    """
    stretches = []
    for start_s, end_s in _between(words):
        if sum(part[1] - part[0] for part in _within(voices, start_s + _WORD_SLACK_S, end_s - _WORD_SLACK_S)) >= (
            _MIN_VOICE_S
        ):
            parts = _within(voices, start_s, end_s)
            stretches.append((parts[0][0], parts[-1][1]))
    return stretches


def is_repetition(again: Sequence[SpokenWord], words: Sequence[SpokenWord], stretch: Stretch) -> bool:
    """Whether a second hearing of a stretch found only the word before or behind it, whose time was a little wrong."""
    before = next((word.text for word in reversed(words) if word.end_s <= stretch[0]), "")
    after = next((word.text for word in words if word.start_s >= stretch[1]), "")
    neighbours = {_letters(before), _letters(after)}
    return bool(again) and all(_letters(word.text) in neighbours for word in again)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _between(words: Iterable[SpokenWord]) -> Iterator[Stretch]:
    """Yield the time before the first word, between words, and after the last one."""
    until_s = -math.inf
    for word in words:
        if word.start_s > until_s:
            yield until_s, word.start_s
        until_s = max(until_s, word.end_s)
    yield until_s, math.inf


def _within(voices: Sequence[Stretch], start_s: float, end_s: float) -> list[Stretch]:
    parts = [(max(voice_start_s, start_s), min(voice_end_s, end_s)) for voice_start_s, voice_end_s in voices]
    return [part for part in parts if part[0] < part[1]]


def into_segments(words: Iterable[SpokenWord]) -> Iterator[SpokenSegment]:
    """Cut words into sentences, at pauses, and where a sentence has no end; times never go back."""
    sentence: list[SpokenWord] = []
    heard_until_s = 0.0
    for raw in _joined(words):
        start_s = max(raw.start_s, heard_until_s)
        word = SpokenWord(start_s=start_s, end_s=max(raw.end_s, start_s), text=raw.text)
        heard_until_s = word.end_s
        if sentence and _ends(sentence, word):
            yield _segment(sentence)
            sentence = []
        sentence.append(word)
    if sentence:
        yield _segment(sentence)


def _joined(pieces: Iterable[SpokenWord]) -> Iterator[SpokenWord]:
    """Put together what the model takes apart: "ill" and "-disposed" are one word."""
    whole: SpokenWord | None = None
    for piece in pieces:
        if whole is not None and piece.text.startswith(_CONTINUATIONS):
            whole = SpokenWord(whole.start_s, piece.end_s, whole.text + piece.text)
            continue
        if whole is not None:
            yield whole
        whole = piece
    if whole is not None:
        yield whole


def measure_speech(heard: Heard, *, duration_s: float) -> dict[str, int | float]:
    """Return the measurements; `duration_s` is that of the medium."""
    segments, is_whole = heard.transcript.segments, not heard.transcript.is_truncated
    if not segments:
        return {"speech_words": 0, "speech_share": 0.0} if is_whole else {}
    words = sum(len(segment.words) for segment in segments)
    spoken_s = sum(segment.end_s - segment.start_s for segment in segments)
    measured: dict[str, int | float] = {}
    if not any(start_s < segments[0].start_s for start_s, _ in heard.unclear):
        measured["first_word_s"] = round(segments[0].start_s, 3)
    if spoken_s > 0:
        measured["speech_wpm"] = round(words / spoken_s * 60, 1)
    if is_whole:
        measured["speech_words"] = words
        if duration_s > 0:
            measured["speech_share"] = round(min(heard.voice_s / duration_s, 1.0), 3)
    return measured


def _ends(sentence: Sequence[SpokenWord], following: SpokenWord) -> bool:
    first, last = sentence[0], sentence[-1]
    return (
        (last.text.rstrip().endswith(_SENTENCE_ENDS) and last.end_s - first.start_s >= _MIN_SENTENCE_S)
        or following.start_s - last.end_s > _MAX_PAUSE_S
        or following.end_s - first.start_s > _MAX_SEGMENT_S
    )


def _segment(words: Sequence[SpokenWord]) -> SpokenSegment:
    return SpokenSegment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text="".join(word.text for word in words).strip(),
        words=tuple(SpokenWord(word.start_s, word.end_s, word.text.strip()) for word in words),
    )
