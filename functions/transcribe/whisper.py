"""Speech recognition with faster-whisper: silence, noise and music have no text."""

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource

from .speech import Chunk, Heard, into_segments, is_credible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faster_whisper import BatchedInferencePipeline
    from faster_whisper.transcribe import Segment

type Device = Literal["cpu", "cuda"]

_VOICE = {"min_speech_duration_ms": 250, "min_silence_duration_ms": 160}
_BEAM = 5
# Half minutes that are recognised at once. Measured on two cores, tiny.en int8, 104 s of speech: one by one 8.4 s, in
# batches of four 5.4 s, of eight 4.1 s; four are the smallest step at which a deadline is noticed.
_BATCH: dict[Device, int] = {"cpu": 4, "cuda": 16}
_COMPUTE: dict[Device, str] = {"cpu": "int8", "cuda": "float16"}
_MIN_LANGUAGE_PROBABILITY = 0.5


class Listener(Protocol):
    """Writes down what is said."""

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> Heard:
        """Return what is said in 16 kHz mono samples; what was not reached when told to stop makes it truncated."""
        ...


class WhisperListener:
    """`Listener` whose model is loaded once, and only when there is a voice to recognise."""

    def __init__(self, weights: str, *, device: Device) -> None:
        self._weights = weights
        self._device = device

    @cached_property
    def _pipeline(self) -> "BatchedInferencePipeline":
        from faster_whisper import BatchedInferencePipeline, WhisperModel  # noqa: PLC0415 - half a second

        model = WhisperModel(
            self._weights, device=self._device, compute_type=_COMPUTE[self._device], cpu_threads=os.cpu_count() or 1
        )
        return BatchedInferencePipeline(model)

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> Heard:
        """Detect voices first: they cost a three-hundredth of the time that words cost; see `Listener.listen`."""
        from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - half a second

        voices = get_speech_timestamps(samples, VadOptions(**_VOICE))
        if not voices:
            return Heard(Transcript((), TranscriptSource.WHISPER))
        voice_s = sum(voice["end"] - voice["start"] for voice in voices) / SAMPLE_RATE
        chunks, info = self._pipeline.transcribe(
            samples,
            beam_size=_BEAM,
            word_timestamps=True,
            vad_filter=True,
            vad_parameters=dict(_VOICE),
            batch_size=_BATCH[self._device],
        )
        segments, is_truncated = _collect(iter(chunks), should_stop)
        is_sure = info.language_probability >= _MIN_LANGUAGE_PROBABILITY
        return Heard(
            Transcript(
                segments=segments,
                source=TranscriptSource.WHISPER,
                language=info.language if segments and is_sure else None,
                is_truncated=is_truncated,
            ),
            voice_s=voice_s,
        )


def _collect(chunks: "Iterator[Segment]", should_stop: Callable[[], bool]) -> tuple[tuple[SpokenSegment, ...], bool]:
    """Recognise chunk by chunk, for that is when the work is done; return the segments and whether some are missing."""
    words: list[SpokenWord] = []
    while not should_stop():
        chunk = next(chunks, None)
        if chunk is None:
            return tuple(into_segments(words)), False
        recognised = _as_chunk(chunk)
        if is_credible(recognised):
            words += recognised.words
    return tuple(into_segments(words)), True


def _as_chunk(segment: "Segment") -> Chunk:
    return Chunk(
        words=tuple(SpokenWord(float(word.start), float(word.end), word.word) for word in segment.words or ()),
        average_log_probability=segment.avg_logprob,
        no_speech_probability=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
    )
