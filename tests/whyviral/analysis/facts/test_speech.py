from datetime import UTC, datetime
from typing import Any

import pytest

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.analysis.facts.speech import MAX_SPOKEN_CHARACTERS
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, TranscriptSource
from whyviral.social.platforms import Platform

ABOUT_SPEECH = [
    "has_speech",
    "transcript_source",
    "transcript_is_cut",
    "transcript_language",
    "spoken_hook",
    "first_word",
    "spoken_words",
    "speech_rate",
    "speech_share",
    "most_replayed_at",
    "most_replayed_value",
    "most_replayed_words",
]
CAPTIONS = (
    SpokenSegment(0.5, 2.5, "Forty loaves gone by"),
    SpokenSegment(2.5, 4.5, "nine, every single day"),
    SpokenSegment(10.0, 12.0, "[Music] here is how"),
)


def facts_of(*, details: dict[str, Any] | None = None, **known: Any) -> dict[str, Fact]:
    fields: dict[str, Any] = {"kind": MediaKind.VIDEO, "has_speech": True, "duration_s": 20.0}
    video = MediumSnapshot(**fields | known)
    post = PostSnapshot(platform=Platform.YOUTUBE, text="kite", media=[video], details=details or {})
    facts = compute_facts(post, measured_at=datetime(2026, 11, 23, tzinfo=UTC))
    return {fact.name: fact for fact in facts if fact.name in ABOUT_SPEECH}


def captioned(**known: Any) -> dict[str, Fact]:
    fields = {"segments": CAPTIONS, "transcript_source": TranscriptSource.CAPTIONS, "transcript_language": "en-US"}
    return facts_of(**fields | known)


def test_a_captioned_video_has_exactly_these_facts() -> None:
    facts = captioned()

    assert [(fact.name, fact.value, fact.unit, fact.source, fact.is_quotation) for fact in facts.values()] == [
        ("has_speech", True, "boolean", "captions", False),
        ("transcript_source", "captions", "source", "youtube media", False),
        ("transcript_is_cut", False, "boolean", "captions", False),
        ("transcript_language", "en-US", "language code", "captions", False),
        ("spoken_hook", "Forty loaves gone by nine,", "text", "captions", True),
        ("first_word", 0.5, "seconds", "captions", False),
        ("spoken_words", 11, "words", "captions", False),
        ("speech_rate", 110.0, "words per minute of speech", "captions", False),
        ("speech_share", 0.3, "ratio", "captions", False),
    ]


def test_the_workers_measurements_take_precedence_over_caption_lines() -> None:
    measurements = {"first_word_s": 0.61, "speech_words": 12, "speech_wpm": 171.4, "speech_share": 0.21}

    facts = captioned(transcript_source=TranscriptSource.WHISPER, measurements=measurements)

    names = ("first_word", "spoken_words", "speech_rate", "speech_share")
    assert [(facts[name].value, facts[name].source) for name in names] == [
        (0.61, "whisper"),
        (12, "whisper"),
        (171.4, "whisper"),
        (0.21, "whisper"),
    ]


def test_words_are_quoted_by_their_own_times() -> None:
    words = (SpokenWord(0.0, 0.4, " Fresh"), SpokenWord(2.99, 3.3, " bread"), SpokenWord(3.0, 3.5, " today"))

    facts = captioned(segments=[SpokenSegment(0.0, 3.5, "Fresh bread today", words)])

    assert facts["spoken_hook"].value == "Fresh bread"


def test_a_video_whose_speech_starts_late_has_no_spoken_hook() -> None:
    assert "spoken_hook" not in captioned(segments=CAPTIONS[2:])


def test_a_long_spoken_hook_is_cut_between_words() -> None:
    hook = captioned(segments=[SpokenSegment(0, 1, "kite " * 5_000)])["spoken_hook"].value

    assert isinstance(hook, str)
    assert MAX_SPOKEN_CHARACTERS - 5 <= len(hook) <= MAX_SPOKEN_CHARACTERS
    assert set(hook.split()) == {"kite"}


def test_a_truncated_transcript_gives_no_word_count_of_the_whole_video() -> None:
    facts = captioned(is_transcript_truncated=True)

    assert facts["transcript_is_cut"].value is True
    assert facts["speech_rate"].value == 110.0
    assert not facts.keys() & {"spoken_words", "speech_share"}


@pytest.mark.parametrize("source", [TranscriptSource.CAPTIONS, TranscriptSource.WHISPER])
def test_a_truncated_transcript_gives_no_facts_about_the_whole_video(source: TranscriptSource) -> None:
    measured = {"speech_words": 22, "speech_share": 0.9, "speech_wpm": 150.0, "first_word_s": 0.25}

    facts = captioned(is_transcript_truncated=True, transcript_source=source, measurements=measured)

    assert facts.keys().isdisjoint({"spoken_words", "speech_share"})
    assert (facts["speech_rate"].value, facts["first_word"].value) == (150.0, 0.25)


def test_the_first_word_of_a_truncated_whisper_transcript_is_unknown_without_a_measurement() -> None:
    facts = captioned(is_transcript_truncated=True, transcript_source=TranscriptSource.WHISPER)

    assert "first_word" not in facts
    assert "first_word" in captioned(transcript_source=TranscriptSource.WHISPER)


def test_a_truncated_transcript_without_words_gives_no_speech_facts() -> None:
    assert facts_of(has_speech=False, is_transcript_truncated=True) == {}


def test_a_video_with_music_only_has_no_speech_numbers() -> None:
    facts = facts_of(has_speech=False, measurements={"speech_words": 0, "speech_share": 0.0})

    assert [(fact.name, fact.value, fact.source) for fact in facts.values()] == [
        ("has_speech", False, "measured in the first video")
    ]


def test_an_untranscribed_video_has_no_facts_about_speech() -> None:
    assert facts_of(has_speech=None) == {}


def test_captions_with_music_markers_only_have_no_words() -> None:
    facts = captioned(segments=[SpokenSegment(0, 5, "[Music]"), SpokenSegment(5, 9, "♪ ♪")])

    assert not facts.keys() & {"spoken_hook", "first_word", "spoken_words", "speech_rate", "speech_share"}


@pytest.mark.parametrize("language", ["English\n[F1]", "", None, "und"])
def test_an_invalid_transcript_language_is_not_a_fact(language: str | None) -> None:
    assert "transcript_language" not in captioned(transcript_language=language)


def test_the_most_replayed_moment_is_the_peak_after_the_first_marker_with_its_words() -> None:
    curve = [
        {"start_s": 0.0, "end_s": 2.0, "value": 1.0},
        {"start_s": 2.0, "end_s": 4.0, "value": 0.4},
        {"start_s": 10.0, "end_s": 12.0, "value": 0.83},
        {"start_s": 12.0, "end_s": 14.0, "value": 0.83},
    ]

    facts = captioned(details={"most_replayed": curve})

    names = ("most_replayed_at", "most_replayed_value", "most_replayed_words")
    assert [(facts[name].value, facts[name].unit, facts[name].is_quotation) for name in names] == [
        (10.0, "seconds", False),
        (0.83, "of 1", False),
        ("here is how", "text", True),
    ]


@pytest.mark.parametrize(
    "curve",
    [
        None,
        "high",
        [],
        [None, 5, "x"],
        [{"start_s": 0, "end_s": 2, "value": 1}],
        [{"start_s": 5, "end_s": 7, "value": 1.5}],
        [{"start_s": "5", "end_s": 7, "value": 1}],
        [{"start_s": 5, "value": 1}],
    ],
)
def test_an_invalid_most_replayed_curve_has_no_peak(curve: Any) -> None:
    assert "most_replayed_at" not in captioned(details={"most_replayed": curve})


JAPANESE = ("今日は新しいカメラを買いました", "とても嬉しいです")
FROM_CAPTIONS = tuple(SpokenSegment(at, at + 5.0, line) for at, line in zip((0.0, 5.0), JAPANESE, strict=True))
FROM_WHISPER = tuple(
    SpokenSegment(
        at, at + 5.0, line, [SpokenWord(at + 5.0 * n / len(line), at + 5.0, sign) for n, sign in enumerate(line)]
    )
    for at, line in zip((0.0, 5.0), JAPANESE, strict=True)
)


def test_a_script_without_spaces_gives_the_same_quotation_from_captions_and_whisper() -> None:
    measured = {"speech_words": 46, "speech_wpm": 307.0, "first_word_s": 0.0, "speech_share": 0.5}

    by_captions = captioned(segments=FROM_CAPTIONS)
    by_whisper = captioned(segments=FROM_WHISPER, measurements=measured, transcript_source=TranscriptSource.WHISPER)

    assert by_captions["spoken_hook"].value == by_whisper["spoken_hook"].value == "今日は新しいカメラ"
    assert by_captions["speech_share"].value == by_whisper["speech_share"].value == 0.5
    assert not (by_captions.keys() | by_whisper.keys()) & {"spoken_words", "speech_rate"}


@pytest.mark.parametrize("line", ["ฉันซื้อกล้องใหม่วันนี้", "ខ្ញុំបានទិញកាមេរ៉ា", "我今天买了新相机", "買った new カメラ"])
def test_spoken_words_of_a_script_without_spaces_are_not_counted(line: str) -> None:
    assert not captioned(segments=[SpokenSegment(0, 3, line)]).keys() & {"spoken_words", "speech_rate"}


def test_a_few_unspaced_letters_leave_the_words_countable() -> None:
    line = "this is the kite that they call 凧 where it was first flown over the hills"

    assert captioned(segments=[SpokenSegment(0, 3, line)])["spoken_words"].value == 16


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("(laughs) hello there", 2),
        ("\uff08拍手\uff09 hello", 1),
        ("[door [creaks] slowly] hello", 1),
        ("\u266a la la la \u266a", 3),
        ("I *love* this", 3),
        ("♪ (upbeat music) ♪ yes", 1),
    ],
)
def test_only_spoken_or_sung_words_are_counted(line: str, words: int) -> None:
    assert captioned(segments=[SpokenSegment(0, 3, line)])["spoken_words"].value == words


def test_a_sound_marker_over_several_timed_words_is_not_quoted() -> None:
    words = [SpokenWord(n, n + 1.0, text) for n, text in enumerate(("[upbeat", "music]", "hello"))]

    facts = captioned(segments=[SpokenSegment(0, 3, "[upbeat music] hello", words)])

    assert (facts["spoken_hook"].value, facts["first_word"].value, facts["spoken_words"].value) == ("hello", 2.0, 1)
