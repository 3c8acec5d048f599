"""Captions in YouTube's format json3. Source: fixtures of several public parsers."""

from typing import Any

from local.stand_ins.youtube.video import Captions, Line

type Json = dict[str, Any]

_OVERLAP_S = 1.5
"""How long an automatic caption stays while the next line is shown below it."""


def json3(captions: Captions) -> Json:
    """Return the captions; automatic captions overlap and have a time for each word."""
    events: list[Json] = [{"tStartMs": 0, "dDurationMs": 0, "id": 1, "wpWinPosId": 1, "wsWinStyleId": 1}]
    for line in captions.segments:
        events.append(_automatic(line) if captions.automatic else _written(line))
        if captions.automatic:
            events.append({"tStartMs": _ms(line.start_s), "wWinId": 1, "aAppend": 1, "segs": [{"utf8": "\n"}]})
    return {"wireMagic": "pb3", "pens": [{}], "wsWinStyles": [{}], "wpWinPositions": [{}], "events": events}


def _written(line: Line) -> Json:
    return {
        "tStartMs": _ms(line.start_s),
        "dDurationMs": _ms(line.end_s - line.start_s),
        "segs": [{"utf8": line.text}],
    }


def _automatic(line: Line) -> Json:
    words = line.text.split()
    step_s = (line.end_s - line.start_s) / max(len(words), 1)
    pieces: list[Json] = [{"utf8": words[0], "acAsrConf": 0}] if words else []
    pieces += [
        {"utf8": f" {word}", "tOffsetMs": _ms(step_s * number), "acAsrConf": 0}
        for number, word in enumerate(words[1:], start=1)
    ]
    return {
        "tStartMs": _ms(line.start_s),
        "dDurationMs": _ms(line.end_s - line.start_s + _OVERLAP_S),
        "wWinId": 1,
        "segs": pieces,
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
