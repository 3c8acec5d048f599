"""What was said in a medium, and when; the platform's captions and Whisper's words have the same form."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class TranscriptSource(StrEnum):
    """How a transcript was made."""

    CAPTIONS = "captions"
    """People, by hand."""
    AUTOMATIC_CAPTIONS = "automatic_captions"
    """The platform's own speech recognition."""
    WHISPER = "whisper"
    """Ours."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word; times are seconds from the start of the medium."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """What was said in one go, usually a sentence or a line of captions; segments do not overlap."""

    start_s: float
    end_s: float
    text: str
    words: Sequence[SpokenWord] = ()
    """Empty where the source times no words."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that was said, in order; without segments there is no speech."""

    segments: Sequence[SpokenSegment]
    source: TranscriptSource
    language: str | None = None
    """BCP 47, such as `en`."""
    is_truncated: bool = False
    """Whether time ran out before the end of the medium."""

    @property
    def text(self) -> str:
        """Return the words without their times."""
        return " ".join(segment.text for segment in self.segments)
