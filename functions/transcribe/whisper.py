"""Speech recognition with faster-whisper. Silence, noise and music give no text."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples
from whyviral.integrations.ports.transcript import SpokenWord, Transcript, TranscriptSource

from .speech import (
    Chunk,
    RecognisedSpeech,
    Stretch,
    find_wordless_voices,
    is_credible,
    is_repetition,
    split_into_segments,
)

if TYPE_CHECKING:
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    from faster_whisper.transcribe import Segment, TranscriptionInfo

type Device = Literal["cpu", "cuda"]

_VAD_OPTIONS = {"min_speech_duration_ms": 250, "min_silence_duration_ms": 160}
_BEAM_SIZE = 5
# The number of half minutes that are recognised at once. Measured on two cores, tiny.en int8, 104 s of speech: one by
# one 8.4 s, in batches of four 5.4 s, of eight 4.1 s. The deadline is checked after each batch, so batches stay small.
_BATCH_SIZE: dict[Device, int] = {"cpu": 4, "cuda": 16}
_COMPUTE_TYPE: dict[Device, str] = {"cpu": "int8", "cuda": "float16"}
_MIN_LANGUAGE_PROBABILITY = 0.5
_CONTEXT_S = 0.3
"""The context before and after a stretch that is recognised again."""


class Listener(Protocol):
    """Transcribes speech."""

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> RecognisedSpeech:
        """Return the speech in 16 kHz mono samples. If stopped early, the transcript is truncated."""
        ...


class WhisperListener:
    """`Listener` that loads its model once, and only if there is a voice to recognise.

    A first pass recognises the sound in batches. A batch can lose sentences without any sign, so a second pass
    recognises each stretch that has a voice but no words again, on its own. A stretch that still has no words is
    reported as unclear.
    """

    def __init__(self, model: str, *, device: Device) -> None:
        self._model_name = model
        self._device = device

    @cached_property
    def _model(self) -> "WhisperModel":
        from faster_whisper import WhisperModel  # noqa: PLC0415 - takes half a second to import

        return WhisperModel(
            self._model_name,
            device=self._device,
            compute_type=_COMPUTE_TYPE[self._device],
            cpu_threads=os.cpu_count() or 1,
        )

    @cached_property
    def _pipeline(self) -> "BatchedInferencePipeline":
        from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415 - takes half a second to import

        return BatchedInferencePipeline(self._model)

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> RecognisedSpeech:
        """Detect voices, and recognise words only if there are any: detection takes 1/300 of the time."""
        padded = _voices(samples)
        if not padded:
            return RecognisedSpeech(Transcript((), TranscriptSource.WHISPER))
        voices = _voices(samples, padding_ms=0)
        chunks, info = self.first_pass(samples)
        words, is_cut_short = _collect(iter(chunks), should_stop)
        unclear: Sequence[Stretch] = ()
        if not is_cut_short:
            words, unclear, is_cut_short = self._second_pass(samples, voices, words, info.language, should_stop)
        segments = tuple(split_into_segments(words))
        is_sure = info.language_probability >= _MIN_LANGUAGE_PROBABILITY
        transcript = Transcript(
            segments=segments,
            source=TranscriptSource.WHISPER,
            language=info.language if segments and is_sure else None,
            is_truncated=is_cut_short or bool(unclear),
        )
        voice_s = sum(end_s - start_s for start_s, end_s in padded)
        return RecognisedSpeech(transcript, voice_s=voice_s, voices=voices, unclear=unclear)

    def first_pass(self, samples: Samples) -> "tuple[Iterable[Segment], TranscriptionInfo]":
        """Recognise everything. The work is done while the caller iterates over the chunks."""
        chunks, info = self._pipeline.transcribe(
            samples,
            beam_size=_BEAM_SIZE,
            word_timestamps=True,
            vad_filter=True,
            vad_parameters=dict(_VAD_OPTIONS),
            batch_size=_BATCH_SIZE[self._device],
        )
        return chunks, info

    def _second_pass(
        self,
        samples: Samples,
        voices: Sequence[Stretch],
        words: list[SpokenWord],
        language: str,
        should_stop: Callable[[], bool],
    ) -> tuple[list[SpokenWord], Sequence[Stretch], bool]:
        """Recognise each voice without words again.

        Returns:
            All words, the stretches that still have none, and whether the pass was stopped before its end.
        """
        repetitions: set[Stretch] = set()
        for stretch in find_wordless_voices(voices, words):
            if should_stop():
                return words, (), True
            again = self._recognise_again(samples, stretch, language=language)
            if is_repetition(again, words, stretch):
                repetitions.add(stretch)
            else:
                words = sorted([*words, *again], key=lambda word: (word.start_s, word.end_s))
        return (
            words,
            tuple(stretch for stretch in find_wordless_voices(voices, words) if stretch not in repetitions),
            False,
        )

    def _recognise_again(self, samples: Samples, stretch: Stretch, *, language: str) -> list[SpokenWord]:
        """Recognise one stretch and return the words within it. The words of its context are known already."""
        start_s, end_s = max(stretch[0] - _CONTEXT_S, 0.0), stretch[1] + _CONTEXT_S
        part = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        chunks, _ = self._model.transcribe(
            np.ascontiguousarray(part),
            language=language,
            beam_size=_BEAM_SIZE,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words, _ = _collect(iter(chunks), lambda: False)
        shifted = [SpokenWord(word.start_s + start_s, word.end_s + start_s, word.text) for word in words]
        return [word for word in shifted if stretch[0] <= (word.start_s + word.end_s) / 2 <= stretch[1]]


def _voices(samples: Samples, *, padding_ms: int | None = None) -> list[Stretch]:
    """Detect voices, by default with the padding that recognition needs."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - takes half a second to import

    options = VadOptions(**_VAD_OPTIONS) if padding_ms is None else VadOptions(**_VAD_OPTIONS, speech_pad_ms=padding_ms)
    voices = get_speech_timestamps(samples, options)
    return [(voice["start"] / SAMPLE_RATE, voice["end"] / SAMPLE_RATE) for voice in voices]


def _collect(chunks: "Iterator[Segment]", should_stop: Callable[[], bool]) -> tuple[list[SpokenWord], bool]:
    """Recognise chunk by chunk until stopped. Return the credible words, and whether chunks are missing."""
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
