"""Speech recognition with faster-whisper: silence, noise and music have no text."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples
from whyviral.integrations.ports.transcript import SpokenWord, Transcript, TranscriptSource

from .speech import Chunk, Heard, Stretch, into_segments, is_credible, is_repetition, without_words

if TYPE_CHECKING:
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    from faster_whisper.transcribe import Segment, TranscriptionInfo

type Device = Literal["cpu", "cuda"]

_VOICE = {"min_speech_duration_ms": 250, "min_silence_duration_ms": 160}
_BEAM = 5
# Half minutes that are recognised at once. Measured on two cores, tiny.en int8, 104 s of speech: one by one 8.4 s, in
# batches of four 5.4 s, of eight 4.1 s; four are the smallest step at which a deadline is noticed.
_BATCH: dict[Device, int] = {"cpu": 4, "cuda": 16}
_COMPUTE: dict[Device, str] = {"cpu": "int8", "cuda": "float16"}
_MIN_LANGUAGE_PROBABILITY = 0.5
_CONTEXT_S = 0.3
"""What is heard before and after a stretch that is heard again."""


class Listener(Protocol):
    """Transcribes speech."""

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> Heard:
        """Return what is said in 16 kHz mono samples; what was not reached when stopped makes it truncated."""
        ...


class WhisperListener:
    """`Listener` whose model is loaded once, and only when there is a voice to recognise.

    Sound is recognised in batches first. Where a voice was detected and no word is, that stretch is recognised once
    more, alone and one by one: a batch loses sentences without a sign. What then has no words still is unclear.
    """

    def __init__(self, weights: str, *, device: Device) -> None:
        self._weights = weights
        self._device = device

    @cached_property
    def _model(self) -> "WhisperModel":
        from faster_whisper import WhisperModel  # noqa: PLC0415 - half a second

        return WhisperModel(
            self._weights, device=self._device, compute_type=_COMPUTE[self._device], cpu_threads=os.cpu_count() or 1
        )

    @cached_property
    def _pipeline(self) -> "BatchedInferencePipeline":
        from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415 - half a second

        return BatchedInferencePipeline(self._model)

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> Heard:
        """Detect voices first: they cost a three-hundredth of the time that words cost; see `Listener.listen`."""
        padded = _voices(samples)
        if not padded:
            return Heard(Transcript((), TranscriptSource.WHISPER))
        chunks, info = self.first_pass(samples)
        words, is_cut_short = _collect(iter(chunks), should_stop)
        unclear: Sequence[Stretch] = ()
        if not is_cut_short:
            words, unclear, is_cut_short = self._second_pass(samples, words, info.language, should_stop)
        segments = tuple(into_segments(words))
        is_sure = info.language_probability >= _MIN_LANGUAGE_PROBABILITY
        transcript = Transcript(
            segments=segments,
            source=TranscriptSource.WHISPER,
            language=info.language if segments and is_sure else None,
            is_truncated=is_cut_short or bool(unclear),
        )
        voice_s = sum(end_s - start_s for start_s, end_s in padded)
        return Heard(transcript, voice_s=voice_s, unclear=unclear)

    def first_pass(self, samples: Samples) -> "tuple[Iterable[Segment], TranscriptionInfo]":
        """Recognise everything; the work is done while the chunks are taken."""
        chunks, info = self._pipeline.transcribe(
            samples,
            beam_size=_BEAM,
            word_timestamps=True,
            vad_filter=True,
            vad_parameters=dict(_VOICE),
            batch_size=_BATCH[self._device],
        )
        return chunks, info

    def _second_pass(
        self, samples: Samples, words: list[SpokenWord], language: str, should_stop: Callable[[], bool]
    ) -> tuple[list[SpokenWord], Sequence[Stretch], bool]:
        """Recognise voices without words once more.

        Returns:
            All words, voices that still have none, and whether it was stopped before it was done.
        """
        voices = _voices(samples, padding_ms=0)
        known: set[Stretch] = set()
        for stretch in without_words(voices, words):
            if should_stop():
                return words, (), True
            again = self._hear_again(samples, stretch, language=language)
            if is_repetition(again, words, stretch):
                known.add(stretch)
            else:
                words = sorted([*words, *again], key=lambda word: (word.start_s, word.end_s))
        return words, tuple(stretch for stretch in without_words(voices, words) if stretch not in known), False

    def _hear_again(self, samples: Samples, stretch: Stretch, *, language: str) -> list[SpokenWord]:
        """Recognise a stretch alone and return the words that lie in it; its surroundings have theirs already."""
        start_s, end_s = max(stretch[0] - _CONTEXT_S, 0.0), stretch[1] + _CONTEXT_S
        part = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        chunks, _ = self._model.transcribe(
            np.ascontiguousarray(part),
            language=language,
            beam_size=_BEAM,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words, _ = _collect(iter(chunks), lambda: False)
        moved = [SpokenWord(word.start_s + start_s, word.end_s + start_s, word.text) for word in words]
        return [word for word in moved if stretch[0] <= (word.start_s + word.end_s) / 2 <= stretch[1]]


def _voices(samples: Samples, *, padding_ms: int | None = None) -> list[Stretch]:
    """Return where voices are; by default with the surroundings that recognition needs."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - half a second

    options = VadOptions(**_VOICE) if padding_ms is None else VadOptions(**_VOICE, speech_pad_ms=padding_ms)
    found = get_speech_timestamps(samples, options)
    return [(voice["start"] / SAMPLE_RATE, voice["end"] / SAMPLE_RATE) for voice in found]


def _collect(chunks: "Iterator[Segment]", should_stop: Callable[[], bool]) -> tuple[list[SpokenWord], bool]:
    """Recognise chunk by chunk, for that is when the work is done; return the words and whether some are missing."""
    words: list[SpokenWord] = []
    while not should_stop():
        chunk = next(chunks, None)
        if chunk is None:
            return words, False
        recognised = _as_chunk(chunk)
        if is_credible(recognised):
            words += recognised.words
    return words, True


def _as_chunk(segment: "Segment") -> Chunk:
    words: Sequence[SpokenWord] = [
        SpokenWord(float(word.start), float(word.end), word.word) for word in segment.words or ()
    ]
    return Chunk(
        words=words,
        average_log_probability=segment.avg_logprob,
        no_speech_probability=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
    )
