"""Conversion of transcripts to stored JSON, back, and to text with times."""

from collections.abc import Mapping, Sequence
from typing import Any

from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript


def as_json(transcript: Transcript) -> list[dict[str, Any]]:
    """Return the segments in the format of `post_media.segments`, with times rounded to milliseconds."""
    return [
        {
            "start_s": round(segment.start_s, 3),
            "end_s": round(segment.end_s, 3),
            "text": segment.text,
            "words": [
                {"start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3), "text": word.text}
                for word in segment.words
            ],
        }
        for segment in transcript.segments
    ]


def from_json(segments: Sequence[Mapping[str, Any]]) -> list[SpokenSegment]:
    """Return the segments in a document that `as_json` created."""
    return [
        SpokenSegment(
            start_s=segment["start_s"],
            end_s=segment["end_s"],
            text=segment["text"],
            words=tuple(SpokenWord(**word) for word in segment["words"]),
        )
        for segment in segments
    ]


def with_times(segments: Sequence[SpokenSegment]) -> str:
    """Return one line per segment: `[1:02:03] spoken text`, or `[2:03] …` before the first hour."""
    return "\n".join(f"[{_clock(segment.start_s)}] {segment.text}" for segment in segments)


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
