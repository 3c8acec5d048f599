"""Transcripts with times, in one format for platforms' captions and for Whisper's speech recognition."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class TranscriptSource(StrEnum):
    """The source of a transcript."""

    CAPTIONS = "captions"
    """Captions written by people."""
    AUTOMATIC_CAPTIONS = "automatic_captions"
    """The platform's speech recognition."""
    WHISPER = "whisper"
    """Our own speech recognition."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word; times are in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A stretch of speech, usually a sentence or one line of captions; segments do not overlap."""

    start_s: float
    end_s: float
    text: str
    words: Sequence[SpokenWord] = ()
    """Empty if the source has no times for single words."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """All speech of a recording, in order; without segments there is no speech."""

    segments: Sequence[SpokenSegment]
    source: TranscriptSource
    language: str | None = None
    """BCP 47, such as `en`."""
    is_truncated: bool = False
    """Whether the transcription ran out of time before the end of the recording."""

    @property
    def text(self) -> str:
        """The text of all segments, without times."""
        return " ".join(segment.text for segment in self.segments)
