"""Captions of YouTube: the track of a video that holds what was spoken, and its words. All of it is untrusted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from whyviral.integrations.http.language_tags import find_language_tag, language_distance
from whyviral.integrations.http.untrusted_json import parse_untrusted_json
from whyviral.integrations.http.vendor_text import decode_escapes, has_words, visible_text, without_tags
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource
from whyviral.integrations.youtube.sound_markers import blank_markers

MAX_CAPTIONS_BYTES = 8 * 1024 * 1024
_FORMATS = ("json3", "srv1", "vtt")
"""The best first: only json3 times words."""
_ORIGINAL = "-orig"
_CHAT = "live_chat"
_MAX_SEGMENTS = 20_000
_MAX_TEXT = 2_000
"""Of one line."""
_MAX_S = 10**7
_LANG_PARAMETER = re.compile(r"[?&]lang=([A-Za-z0-9_-]+)")
_BLANKS = re.compile(r"\s+")
_STYLE = re.compile(r"\{\\[^{}]{0,100}\}")
"""Codes of position and font that some programs leave in captions, such as `{\\an8}`."""
_SRV1_LINE = re.compile(r'<text start="([0-9.]{1,12})"(?: dur="([0-9.]{1,12})")?[^>]{0,200}>(.*?)</text>', re.DOTALL)
_VTT_TIMES = re.compile(
    r"((?:[0-9]{1,4}:)?[0-9]{2}:[0-9]{2}[.,][0-9]{3})[ \t]*-->[ \t]*((?:[0-9]{1,4}:)?[0-9]{2}:[0-9]{2}[.,][0-9]{3})"
)
"""Strict files have blanks around the arrow and a dot before the milliseconds; others circulate as well."""
_LINE_END = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class Track:
    """A file of captions."""

    url: str
    format: str
    source: TranscriptSource
    language: str | None


def choose_track(
    written: Mapping[str, Any], automatic: Mapping[str, Any], *, speech_language: str | None
) -> Track | None:
    """Return the track that holds what was spoken, or None.

    The order is: written by people in the spoken language; heard by YouTube in the spoken language; written by people
    in any language. A translation by a machine is never chosen, nor is what YouTube heard in a dub.

    Args:
        written: `subtitles` of yt-dlp.
        automatic: `automatic_captions` of yt-dlp.
        speech_language: the language of the original sound, as far as it is known.
    """
    people = _tracks(written, TranscriptSource.CAPTIONS)
    originals = {name: formats for name, formats in automatic.items() if name.endswith(_ORIGINAL)}
    heard = _tracks(originals or automatic, TranscriptSource.AUTOMATIC_CAPTIONS)
    spoken = speech_language or _only_language(heard)
    if spoken is None:
        # Several languages were heard, and nothing says which of them is no dub; or a track that names none.
        candidates = [*([] if any(track.language for track in heard) else heard), *people]
    else:
        others = _tracks(automatic, TranscriptSource.AUTOMATIC_CAPTIONS)
        ranked = [_by_distance(tracks, spoken) for tracks in (people, heard, others)]
        candidates = [*chain.from_iterable(ranked), *people]
    return next(iter(candidates), None)


def _only_language(tracks: Sequence[Track]) -> str | None:
    """Return the language of all the tracks; None where they differ, or name none."""
    languages = [track.language for track in tracks if track.language]
    is_one = bool(languages) and all(language_distance(languages[0], other) is not None for other in languages)
    return languages[0] if is_one else None


def _by_distance(tracks: Sequence[Track], spoken: str) -> list[Track]:
    """Return the tracks in the spoken language, exact matches first."""
    ranked = [(language_distance(track.language, spoken), track) for track in tracks if track.language]
    return [track for distance in range(3) for rank, track in ranked if rank == distance]


def read_captions(body: bytes, track: Track) -> Transcript | None:
    """Return the transcript in a file of captions, or None where it is empty; a file without a word has no segments.

    Raises:
        NotJson: the body is not in its format.
    """
    if not body.strip():
        return None  # how YouTube refuses a track, or our address
    match track.format:
        case "json3":
            lines = list(_json3_lines(parse_untrusted_json(body)))
        case "srv1":
            lines = list(_srv1_lines(body.decode("utf-8", errors="replace")))
        case _:
            lines = list(_vtt_lines(body.decode("utf-8", errors="replace")))
    segments = _in_order(lines)
    if not any(has_words(blank_markers(segment.text)) for segment in segments):
        segments = []
    return Transcript(segments=tuple(segments), source=track.source, language=track.language)


def _tracks(formats_by_name: Mapping[str, Any], source: TranscriptSource) -> list[Track]:
    tracks = (_track(formats, name, source) for name, formats in formats_by_name.items() if name != _CHAT)
    return [track for track in tracks if track]


def _track(formats: Any, name: str, source: TranscriptSource) -> Track | None:
    if not isinstance(formats, Sequence):
        return None
    urls = {
        entry["ext"]: entry["url"]
        for entry in formats
        if isinstance(entry, Mapping) and isinstance(entry.get("ext"), str) and isinstance(entry.get("url"), str)
    }
    for known in _FORMATS:
        # Only the address says that a track was translated by a machine.
        if known in urls and "tlang=" not in urls[known]:
            return Track(urls[known], known, source, _language_of(name, urls[known]))
    return None


def _language_of(name: str, url: str) -> str | None:
    """Return the language of a track: its address names it, while its name may end in the id of the track."""
    parameter = _LANG_PARAMETER.search(url)
    named = (parameter[1] if parameter else "", name)
    return next(filter(None, (find_language_tag(tag.removesuffix(_ORIGINAL)) for tag in named)), None)


def _json3_lines(document: Any) -> Iterator[SpokenSegment]:
    """Yield the lines of the format json3. Source: fixtures of several public parsers, 2026-11."""
    events = document.get("events") if isinstance(document, Mapping) else None
    for event in events if isinstance(events, list) else ():
        pieces = event.get("segs") if isinstance(event, Mapping) else None
        if not isinstance(pieces, list) or (start_ms := _number(event.get("tStartMs"))) is None:
            continue  # it sets up a window, or cannot be read
        spoken = [piece for piece in pieces if isinstance(piece, Mapping) and isinstance(piece.get("utf8"), str)]
        text = _plain("".join(piece["utf8"] for piece in spoken))
        if text:
            end_ms = start_ms + (_number(event.get("dDurationMs")) or 0.0)
            words = tuple(_words(spoken, start_ms=start_ms, end_ms=end_ms))
            yield SpokenSegment(start_ms / 1000, end_ms / 1000, text, words)


def _words(pieces: Sequence[Mapping[str, Any]], *, start_ms: float, end_ms: float) -> Iterator[SpokenWord]:
    """Yield the words of a line whose pieces have times of their own, which only automatic captions have."""
    if not any("tOffsetMs" in piece for piece in pieces):
        return
    words = [(_number(piece.get("tOffsetMs")) or 0.0, _plain(piece["utf8"])) for piece in pieces]
    timed = [(start_ms + offset_ms, word) for offset_ms, word in words if word]
    for (from_ms, word), (to_ms, _) in pairwise([*timed, (end_ms, "")]):
        yield SpokenWord(from_ms / 1000, to_ms / 1000, word)


def _srv1_lines(text: str) -> Iterator[SpokenSegment]:
    for match in _SRV1_LINE.finditer(text):
        start_s, length_s = _number(match[1]), _number(match[2])
        words = _plain(decode_escapes(match[3]))  # escaped twice: as XML, and before that as HTML
        if start_s is not None and words:
            yield SpokenSegment(start_s, start_s + (length_s or 0.0), words)


def _vtt_lines(text: str) -> Iterator[SpokenSegment]:
    """Yield each new line once: automatic captions show a line again while the next one is spoken."""
    last = ""
    for block in _LINE_END.sub("\n", text).split("\n\n"):
        times = _VTT_TIMES.search(block)
        if times is None:
            continue
        lines = [_plain(line) for line in block[times.end() :].split("\n")[1:]]
        new = [line for line in lines if line and line != last]
        if new:
            last = new[-1]
            yield SpokenSegment(_vtt_seconds(times[1]), _vtt_seconds(times[2]), _joined(" ".join(new)))


def _vtt_seconds(text: str) -> float:
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part.replace(",", "."))
    return seconds


def _in_order(lines: Sequence[SpokenSegment]) -> list[SpokenSegment]:
    """Return the lines by time and without overlaps, which automatic captions have."""
    ordered = sorted(lines[:_MAX_SEGMENTS], key=lambda line: line.start_s)
    starts = [line.start_s for line in ordered[1:]]
    ends = [min(line.end_s, start) for line, start in zip(ordered, starts, strict=False)]
    ends += [line.end_s for line in ordered[-1:]]
    return [_ending(line, max(end_s, line.start_s)) for line, end_s in zip(ordered, ends, strict=True)]


def _ending(line: SpokenSegment, end_s: float) -> SpokenSegment:
    words = []
    from_s = line.start_s
    for word in line.words:
        from_s = min(max(word.start_s, from_s), end_s)
        words.append(SpokenWord(from_s, min(max(word.end_s, from_s), end_s), word.text))
    return SpokenSegment(line.start_s, end_s, line.text, tuple(words))


def _number(value: Any) -> float | None:
    """Return a time that may be written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _MAX_S * 1000 else None


def _plain(text: str) -> str:
    """Return the words of a line, without tags and escapes; empty where it shows nothing."""
    return _joined(visible_text(decode_escapes(without_tags(_STYLE.sub("", text)))))


def _joined(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()[:_MAX_TEXT].rstrip()
