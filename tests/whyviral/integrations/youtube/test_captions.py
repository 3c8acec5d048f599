import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyviral.integrations.http.untrusted_json import NotJson
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource
from whyviral.integrations.youtube.captions import Track, choose_track, read_captions

JSON3 = Track("https://www.youtube.com/api/timedtext", "json3", TranscriptSource.AUTOMATIC_CAPTIONS, "en")
SRV1 = Track("https://www.youtube.com/api/timedtext", "srv1", TranscriptSource.CAPTIONS, "en")
VTT = Track("https://www.youtube.com/api/timedtext", "vtt", TranscriptSource.CAPTIONS, "en")


def track(name: str, *, formats: tuple[str, ...] = ("json3", "srv1", "vtt"), query: str = "") -> list[dict[str, str]]:
    return [
        {"ext": ext, "url": f"https://www.youtube.com/api/timedtext?lang={name}&fmt={ext}{query}"} for ext in formats
    ]


def chosen(written: dict[str, Any], automatic: dict[str, Any], language: str | None = None) -> tuple[Any, ...] | None:
    found = choose_track(written, automatic, speech_language=language)
    return None if found is None else (found.language, found.source, found.format)


HUMAN, MACHINE = TranscriptSource.CAPTIONS, TranscriptSource.AUTOMATIC_CAPTIONS


@pytest.mark.parametrize(
    ("written", "automatic", "language", "expected"),
    [
        (["de", "en"], ["en-orig", "en", "fr"], None, ("en", HUMAN)),
        (["de", "en-GB"], ["en-orig", "en"], None, ("en-GB", HUMAN)),
        (["de"], ["en-orig", "en", "de"], None, ("en", MACHINE)),
        (["de", "en"], [], "en", ("en", HUMAN)),
        (["de"], [], "en", ("de", HUMAN)),
        (["de", "en"], [], None, ("de", HUMAN)),
        ([], ["fr", "en"], "en", ("en", MACHINE)),
        (["live_chat"], [], None, None),
        ([], ["de-orig", "de", "en-orig", "en"], "en", ("en", MACHINE)),
        ([], ["de-orig", "en-orig"], "en-GB", ("en", MACHINE)),
        ([], ["de-orig", "en-orig"], None, None),
        (["fr"], ["de-orig", "en-orig"], None, ("fr", HUMAN)),
        ([], ["de-orig", "de"], "en", None),
        (["de", "en"], [], "en-US", ("en", HUMAN)),
        (["pt-PT", "pt-BR"], [], "pt-BR", ("pt-BR", HUMAN)),
        (["pt-PT", "pt"], [], "pt-BR", ("pt", HUMAN)),
        (["zh-Hans", "zh-Hant"], [], "zh-TW", ("zh-Hant", HUMAN)),
        (["iw"], [], "he", ("he", HUMAN)),
        (["en-nP7-2PuUl7o"], [], "en", ("en", HUMAN)),
        (["es", "en-j3PyPqV-e1s"], ["en-orig"], None, ("en", HUMAN)),
        ([], [], "en", None),
    ],
)
def test_the_track_of_the_spoken_language_is_chosen(
    written: list[str], automatic: list[str], language: str | None, expected: tuple[Any, ...] | None
) -> None:
    found = chosen({name: track(name) for name in written}, {name: track(name) for name in automatic}, language)

    assert found == (None if expected is None else (*expected, "json3"))


def test_the_address_of_a_track_names_its_language() -> None:
    written = {"nP7-2PuUl7o": track("pt-BR"), "en-AB-cdefghij": track("en")}

    assert chosen(written, {}, "pt") == ("pt-BR", HUMAN, "json3")
    assert chosen(written, {}, "en") == ("en", HUMAN, "json3")


def test_a_machine_translation_is_never_chosen() -> None:
    automatic = {"de": track("en", query="&tlang=de"), "fr": track("en", query="&tlang=fr")}

    assert chosen({}, automatic, "de") is None


def test_the_best_format_that_is_there_is_chosen() -> None:
    assert chosen({"en": track("en", formats=("vtt", "srv1"))}, {}) == ("en", HUMAN, "srv1")
    assert chosen({"en": track("en", formats=("ttml",))}, {}) is None


@pytest.mark.parametrize(
    "broken", [None, "x", [None], [{"ext": 1, "url": 2}], [{"url": "https://x"}], {"ext": "json3"}]
)
def test_a_malformed_list_of_tracks_is_skipped(broken: Any) -> None:
    assert chosen({"de": broken, "en": track("en")}, {"en-orig": broken}) == ("en", HUMAN, "json3")


def read(events: Any, source: Track = JSON3) -> Transcript | None:
    return read_captions(json.dumps({"wireMagic": "pb3", "events": events}).encode(), source)


def segments(events: Any) -> list[tuple[float, float, str]]:
    transcript = read(events)
    assert transcript is not None
    return [(segment.start_s, segment.end_s, segment.text) for segment in transcript.segments]


def test_automatic_captions_have_words_with_times_and_do_not_overlap() -> None:
    events = [
        {"tStartMs": 0, "dDurationMs": 9000, "id": 1, "wpWinPosId": 1},
        {
            "tStartMs": 160,
            "dDurationMs": 3560,
            "segs": [
                {"utf8": "red", "acAsrConf": 0},
                {"utf8": " kites", "tOffsetMs": 320},
                {"utf8": " fly", "tOffsetMs": 900},
            ],
        },
        {"tStartMs": 2000, "dDurationMs": 10, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        {"tStartMs": 2010, "dDurationMs": 1990, "segs": [{"utf8": "high"}]},
    ]

    transcript = read(events)

    assert transcript == Transcript(
        segments=(
            SpokenSegment(
                0.16,
                2.01,
                "red kites fly",
                (SpokenWord(0.16, 0.48, "red"), SpokenWord(0.48, 1.06, "kites"), SpokenWord(1.06, 2.01, "fly")),
            ),
            SpokenSegment(2.01, 4.0, "high"),
        ),
        source=MACHINE,
        language="en",
    )


def test_lines_are_joined_and_numbers_may_be_strings() -> None:
    events = [{"tStartMs": "500", "dDurationMs": "1500", "segs": [{"utf8": "one\nline "}, {"utf8": " more"}]}]

    assert segments(events) == [(0.5, 2.0, "one line more")]


def test_lines_come_in_the_order_of_their_times() -> None:
    events = [
        {"tStartMs": 2000, "dDurationMs": 500, "segs": [{"utf8": "two"}]},
        {"tStartMs": 1000, "segs": [{"utf8": "one"}]},
    ]

    assert segments(events) == [(1.0, 1.0, "one"), (2.0, 2.5, "two")]


def test_markers_stay_beside_words_but_alone_they_are_no_speech() -> None:
    music = {"tStartMs": 0, "dDurationMs": 1000, "segs": [{"utf8": "[Music]"}]}
    words = {"tStartMs": 1000, "dDurationMs": 1000, "segs": [{"utf8": "hello"}]}

    assert segments([music, words]) == [(0.0, 1.0, "[Music]"), (1.0, 2.0, "hello")]
    assert segments([music, {**music, "segs": [{"utf8": "\u266a\u266a"}]}]) == []


@pytest.mark.parametrize(
    "line",
    [
        "[Music] [Applause]",
        "- [Music]",
        "(music)(applause)",
        "\u266a (upbeat music) \u266a",
        "\U0001f3b5 \U0001f3b5",
        "*music*",
        "- *music* *applause*",
        "\uff08音楽\uff09",
        "【拍手】",
        "\uff3b음악\uff3d",
        "(موسيقى)",
        "<i>[Music]</i>",
        "[ __ ]",
        "[music (loud)]",
        "{\\an8}[Music]",
        "…",
        "\u3164",
        "\u200b",
    ],
)
@pytest.mark.parametrize("source", [JSON3, SRV1, VTT], ids=lambda track: track.format)
def test_a_track_of_sounds_alone_holds_no_speech(line: str, source: Track) -> None:
    bodies = {
        "json3": json.dumps({"events": [{"tStartMs": t, "dDurationMs": 9, "segs": [{"utf8": line}]} for t in (0, 9)]}),
        "srv1": f'<transcript><text start="0" dur="1">{line}</text><text start="1" dur="1">{line}</text>',
        "vtt": f"WEBVTT\n\n00:00.000 --> 00:01.000\n{line}\n\n00:01.000 --> 00:02.000\n{line}\n",
    }

    transcript = read_captions(bodies[source.format].encode(), source)

    assert transcript is not None
    assert transcript.segments == ()


@pytest.mark.parametrize(
    "line", ["\u266a la la la \u266a", "[Music] hello", "(applause) 5", "*music* ja", "ありがとう"]
)
def test_words_beside_sounds_and_in_songs_are_speech(line: str) -> None:
    assert segments([{"tStartMs": 0, "dDurationMs": 1000, "segs": [{"utf8": line}]}]) == [(0.0, 1.0, line)]


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("tea &gt; coffee, it&#39;s R&amp;D", "tea > coffee, it's R&D"),
        ("<b>bold</b> i <3 you &amp;lt;", "bold i <3 you &lt;"),
        ("a < b and c > d", "a < b and c > d"),
    ],
)
def test_escapes_and_tags_of_json3_are_read(sent: str, read_as: str) -> None:
    words = [{"utf8": sent, "tOffsetMs": 0}]

    transcript = read([{"tStartMs": 0, "dDurationMs": 1000, "segs": words}])

    assert transcript is not None
    assert [segment.text for segment in transcript.segments] == [read_as]
    assert [word.text for segment in transcript.segments for word in segment.words] == [read_as]


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_file_is_no_captions(body: bytes) -> None:
    assert read_captions(body, JSON3) is None


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(NotJson):
        read_captions(b"<html></html>", JSON3)


@pytest.mark.parametrize("document", [[], {}, {"events": None}, {"events": {"segs": []}}, 7])
def test_json_of_another_shape_has_no_words(document: Any) -> None:
    transcript = read_captions(json.dumps(document).encode(), JSON3)

    assert transcript == Transcript((), MACHINE, "en")


def test_srv1_is_read_where_there_is_nothing_better() -> None:
    body = (
        '<?xml version="1.0"?><transcript><text start="0.5" dur="1.5">it&amp;#39;s\nred</text><text start="2">up</text>'
    )

    transcript = read_captions(body.encode(), SRV1)

    assert transcript is not None
    assert transcript.segments == (SpokenSegment(0.5, 2.0, "it's red"), SpokenSegment(2.0, 2.0, "up"))


def test_tags_within_srv1_are_left_out() -> None:
    body = '<text start="0" dur="1">&lt;b&gt;red&lt;/b&gt; &amp;amp; blue</text>'

    transcript = read_captions(body.encode(), SRV1)

    assert transcript is not None
    assert transcript.segments == (SpokenSegment(0.0, 1.0, "red & blue"),)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "times", ["00:01.000 --> 00:02.000", "00:01.000-->00:02.000", "00:00:01,000\t-->  00:00:02,000 line:0"]
)
def test_vtt_is_read_in_the_forms_that_circulate(line_end: str, times: str) -> None:
    body = line_end.join(["\ufeffWEBVTT", "", "1", times, "red", "kites", "", "NOTE no cue", ""])

    transcript = read_captions(body.encode(), VTT)

    assert transcript is not None
    assert transcript.segments == (SpokenSegment(1.0, 2.0, "red kites"),)


def test_vtt_is_read_once_for_each_line() -> None:
    body = (
        "WEBVTT\nKind: captions\n\n"
        "00:00:00.160 --> 00:00:02.000 align:start\nred<00:00:00.480><c> kites</c>\n\n"
        "00:00:02.000 --> 00:00:02.010 align:start\nred kites\n \n\n"
        "00:00:02.010 --> 01:00:04.000 align:start\nred kites\nfly &amp; fall\n"
    )

    transcript = read_captions(body.encode(), VTT)

    assert transcript is not None
    assert transcript.segments == (SpokenSegment(0.16, 2.0, "red kites"), SpokenSegment(2.01, 3604.0, "fly & fall"))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
TIMES = st.integers(-10, 10_000) | st.floats() | st.integers(0, 5_000).map(str) | JSON_VALUES
PIECES = st.fixed_dictionaries({"utf8": st.text(max_size=8) | JSON_VALUES}, optional={"tOffsetMs": TIMES})
EVENTS = st.fixed_dictionaries(
    {"tStartMs": TIMES, "segs": st.lists(PIECES | JSON_VALUES, max_size=4) | JSON_VALUES},
    optional={"dDurationMs": TIMES},
)


@settings(max_examples=50, deadline=None)
@given(st.lists(EVENTS | JSON_VALUES, max_size=8))
def test_segments_are_in_order_for_any_answer(events: list[Any]) -> None:
    transcript = read(events)

    assert transcript is not None
    for segment in transcript.segments:
        assert 0 <= segment.start_s <= segment.end_s
        assert segment.text == segment.text.strip() != ""
        moments = [moment for word in segment.words for moment in (word.start_s, word.end_s)]
        assert moments == sorted(moments)
        assert all(segment.start_s <= moment <= segment.end_s for moment in moments)
    for one, following in pairwise(transcript.segments):
        assert one.end_s <= following.start_s


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300), st.sampled_from([SRV1, VTT]))
def test_any_text_can_be_read_as_the_other_formats(text: str, source: Track) -> None:
    read_captions(text.encode("utf-8", errors="replace"), source)
