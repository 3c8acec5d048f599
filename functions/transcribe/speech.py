"""Rules for recognised speech: which text is credible, how it is split into segments, and its measurements.

Measurements, absent if there is nothing to measure:

- `speech_words` words of the whole medium; absent if not all of it was recognised
- `speech_wpm` words per minute of speech, without the pauses between segments
- `speech_share` share of the medium with voices, 0 to 1; absent if not all of it was recognised
- `first_word_s` seconds until the first word; absent if a voice before it has no words
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript

# Source: openai/whisper, `whisper/transcribe.py`: the default thresholds at which its decoding counts as failed or
# silent.
_MIN_LOG_PROBABILITY = -1.0
_MAX_COMPRESSION_RATIO = 2.4
_MAX_NO_SPEECH_PROBABILITY = 0.6
_MIN_LOG_PROBABILITY_IF_SILENT = -0.5

_SENTENCE_ENDS = (".", "?", "!", "…", "。", "\uff1f", "\uff01", "।", "؟")  # also Chinese, Hindi and Arabic
_CONTINUATIONS = ("-", "'", "\u2019", ".", ",", "%")
_MIN_SENTENCE_S = 1.0
"""A shorter sentence is an abbreviation, such as "Mr."."""
_MAX_PAUSE_S = 0.8
_MAX_SEGMENT_S = 15.0
_WORD_SLACK_S = 0.35
"""How far a voice may be from its word: the model times words to about a third of a second."""
_MIN_VOICE_S = 0.5
"""A shorter voice holds no word that would be missed."""
MAX_VOICES = 300
"""How many stretches of voice a timeline holds."""

type Stretch = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The words that the model recognises in up to half a minute of sound, with its confidence."""

    words: Sequence[SpokenWord]
    """Their texts begin with a space in languages that use spaces."""
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    """The compression ratio of the text: repeated words compress well."""


@dataclass(frozen=True, slots=True)
class RecognisedSpeech:
    """The transcript of a medium, with the voices that were detected in it."""

    transcript: Transcript
    voice_s: float = 0.0
    """The total duration of voices, whether or not their words are credible, with the padding of recognition."""
    voices: Sequence[Stretch] = ()
    """Where voices were detected, in chronological order, without padding."""
    unclear: Sequence[Stretch] = ()
    """Where voices were detected but no words were recognised. If there are any, the transcript is truncated."""


def is_credible(chunk: Chunk) -> bool:
    """Whether the words were spoken. For music, noise or a foreign language, the model invents or repeats words."""
    if not chunk.words or chunk.compression_ratio > _MAX_COMPRESSION_RATIO:
        return False
    is_silent = chunk.no_speech_probability > _MAX_NO_SPEECH_PROBABILITY
    min_log_probability = _MIN_LOG_PROBABILITY_IF_SILENT if is_silent else _MIN_LOG_PROBABILITY
    return chunk.average_log_probability >= min_log_probability


def find_wordless_voices(voices: Sequence[Stretch], words: Iterable[SpokenWord]) -> list[Stretch]:
    """Return the stretches between two words that contain at least half a second of voice.

    Args:
        voices: in chronological order, not overlapping, without padding.
        words: in chronological order.
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
    """Whether recognising a stretch again gave only the words next to it, whose times were slightly wrong."""
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


def split_into_segments(words: Iterable[SpokenWord]) -> Iterator[SpokenSegment]:
    """Split words at sentence ends, at pauses, and where a sentence gets too long. Times never decrease."""
    sentence: list[SpokenWord] = []
    end_s = 0.0
    for raw in _joined(words):
        start_s = max(raw.start_s, end_s)
        word = SpokenWord(start_s=start_s, end_s=max(raw.end_s, start_s), text=raw.text)
        end_s = word.end_s
        if sentence and _ends(sentence, word):
            yield _segment(sentence)
            sentence = []
        sentence.append(word)
    if sentence:
        yield _segment(sentence)


def _joined(pieces: Iterable[SpokenWord]) -> Iterator[SpokenWord]:
    """Join the pieces of one word: the model splits "ill-disposed" into "ill" and "-disposed"."""
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


def measure_speech(speech: RecognisedSpeech, *, duration_s: float) -> dict[str, int | float]:
    """Return the measurements of the speech; `duration_s` is the duration of the medium."""
    segments, is_whole = speech.transcript.segments, not speech.transcript.is_truncated
    if not segments:
        return {"speech_words": 0, "speech_share": 0.0} if is_whole else {}
    words = sum(len(segment.words) for segment in segments)
    spoken_s = sum(segment.end_s - segment.start_s for segment in segments)
    measured: dict[str, int | float] = {}
    if not any(start_s < segments[0].start_s for start_s, _ in speech.unclear):
        measured["first_word_s"] = round(segments[0].start_s, 3)
    if spoken_s > 0:
        measured["speech_wpm"] = round(words / spoken_s * 60, 1)
    if is_whole:
        measured["speech_words"] = words
        if duration_s > 0:
            measured["speech_share"] = round(min(speech.voice_s / duration_s, 1.0), 3)
    return measured


def timeline_of_voices(voices: Sequence[Stretch]) -> dict[str, list[dict[str, float]]]:
    """Return where voices are, rounded to 0.01 s; of more than `MAX_VOICES`, the nearest ones are joined.

    Args:
        voices: in chronological order, not overlapping.
    """
    gaps = sorted(range(1, len(voices)), key=lambda number: voices[number - 1][1] - voices[number][0])
    starts = [0, *sorted(gaps[: MAX_VOICES - 1])] if voices else []
    ends = [*starts[1:], len(voices)]
    return {
        "voices": [
            {"from_s": round(voices[start][0], 2), "to_s": round(voices[end - 1][1], 2)}
            for start, end in zip(starts, ends, strict=False)
        ]
    }


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
