"""Rules of recognised speech: what is believed, how it is cut into segments, and what is measured of it.

Measurements, absent where there is nothing to measure:

- `speech_words` words of the whole medium; absent when it was not heard to its end
- `speech_wpm` words a minute of speech, pauses between segments left out
- `speech_share` share of the medium in which somebody speaks, 0 to 1
- `first_word_s` seconds until the first word
"""

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
    """How long voices were detected, whether or not their words are believed."""


def is_credible(chunk: Chunk) -> bool:
    """Whether somebody said this: a model that hears music, noise or a foreign tongue invents words or repeats them."""
    if not chunk.words or chunk.compression_ratio > _MAX_COMPRESSION_RATIO:
        return False
    is_silent = chunk.no_speech_probability > _MAX_NO_SPEECH_PROBABILITY
    least = _MIN_LOG_PROBABILITY_IF_SILENT if is_silent else _MIN_LOG_PROBABILITY
    return chunk.average_log_probability >= least


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
    segments = heard.transcript.segments
    if not segments:
        return {} if heard.transcript.is_truncated else {"speech_words": 0, "speech_share": 0.0}
    words = sum(len(segment.words) for segment in segments)
    spoken_s = sum(segment.end_s - segment.start_s for segment in segments)
    measured: dict[str, int | float] = {"first_word_s": round(segments[0].start_s, 3)}
    if duration_s > 0:
        measured["speech_share"] = round(min(heard.voice_s / duration_s, 1.0), 3)
    if spoken_s > 0:
        measured["speech_wpm"] = round(words / spoken_s * 60, 1)
    if not heard.transcript.is_truncated:
        measured["speech_words"] = words
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
