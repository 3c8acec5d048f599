from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.transcribe.speech import (
    MAX_VOICES,
    Chunk,
    RecognisedSpeech,
    find_wordless_voices,
    is_credible,
    is_repetition,
    measure_speech,
    split_into_segments,
    timeline_of_voices,
)
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource


def _words(*texts: str, at_s: float = 0.0, each_s: float = 0.4) -> list[SpokenWord]:
    return [
        SpokenWord(at_s + number * each_s, at_s + (number + 1) * each_s, f" {text}")
        for number, text in enumerate(texts)
    ]


def _texts(words: Sequence[SpokenWord]) -> list[str]:
    return [segment.text for segment in split_into_segments(words)]


def test_words_are_split_into_sentences() -> None:
    words = _words("He", "was", "young.", each_s=0.5) + _words("So", "was", "I!", at_s=1.75, each_s=0.5)

    assert list(split_into_segments(words)) == [
        SpokenSegment(
            0.0,
            1.5,
            "He was young.",
            (SpokenWord(0.0, 0.5, "He"), SpokenWord(0.5, 1.0, "was"), SpokenWord(1.0, 1.5, "young.")),
        ),
        SpokenSegment(
            1.75,
            3.25,
            "So was I!",
            (SpokenWord(1.75, 2.25, "So"), SpokenWord(2.25, 2.75, "was"), SpokenWord(2.75, 3.25, "I!")),
        ),
    ]


def test_the_pieces_of_a_word_are_joined() -> None:
    words = [SpokenWord(0.0, 0.5, " ill"), SpokenWord(0.5, 1.0, "-disposed"), SpokenWord(1.0, 1.5, " men.")]

    (segment,) = split_into_segments(words)

    assert segment.words == (SpokenWord(0.0, 1.0, "ill-disposed"), SpokenWord(1.0, 1.5, "men."))


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    assert _texts(_words("And", "Mr.", "Dashwood", "left.")) == ["And Mr. Dashwood left."]


def test_a_pause_ends_a_sentence() -> None:
    assert _texts(_words("wait", "for") + _words("it", at_s=2.0)) == ["wait for", "it"]


def test_an_endless_sentence_is_split() -> None:
    segments = list(split_into_segments(_words(*["and"] * 100)))

    assert len(segments) > 1
    assert max(segment.end_s - segment.start_s for segment in segments) <= 15


def test_languages_without_spaces_get_no_spaces() -> None:
    words = [SpokenWord(0, 1, "今日"), SpokenWord(1, 2, "は。")]

    assert _texts(words) == ["今日は。"]


def test_times_that_go_back_are_corrected() -> None:
    words = [SpokenWord(1.0, 2.0, " a"), SpokenWord(1.5, 1.2, " b"), SpokenWord(0.5, 3.0, " c")]

    (segment,) = split_into_segments(words)

    assert [(word.start_s, word.end_s) for word in segment.words] == [(1.0, 2.0), (2.0, 2.0), (2.0, 3.0)]


@pytest.mark.parametrize(
    ("log_probability", "no_speech", "compression", "expected"),
    [
        (-0.2, 0.01, 1.4, True),
        (-0.99, 0.01, 1.4, True),
        (-1.01, 0.01, 1.4, False),
        (-0.49, 0.95, 1.4, True),
        (-0.51, 0.95, 1.4, False),
        (-0.51, 0.6, 1.4, True),
        (-0.2, 0.01, 2.4, True),
        (-0.2, 0.01, 2.41, False),
    ],
)
def test_words_are_credible_only_with_enough_confidence(
    log_probability: float, no_speech: float, compression: float, expected: bool
) -> None:
    assert is_credible(Chunk(_words("hello"), log_probability, no_speech, compression)) is expected


def test_a_chunk_without_words_is_not_credible() -> None:
    assert not is_credible(Chunk((), -0.1, 0.0, 1.0))


def _heard(*segments: SpokenSegment, voice_s: float = 0.0, is_truncated: bool = False) -> RecognisedSpeech:
    return RecognisedSpeech(Transcript(segments, TranscriptSource.WHISPER, "en", is_truncated), voice_s)


def test_speech_is_measured() -> None:
    segments = [*split_into_segments(_words("one", "two", "three", at_s=1.0) + _words("four", at_s=5.0))]

    assert measure_speech(_heard(*segments, voice_s=2.0), duration_s=8.0) == {
        "speech_words": 4,
        "speech_wpm": 150.0,
        "speech_share": 0.25,
        "first_word_s": 1.0,
    }


def test_truncated_speech_has_no_word_count() -> None:
    segments = [*split_into_segments(_words("one", "two"))]

    measured = measure_speech(_heard(*segments, voice_s=2.0, is_truncated=True), duration_s=8.0)

    assert measured.keys() == {"speech_wpm", "first_word_s"}


def test_the_time_of_the_first_word_is_unknown_after_an_unclear_voice() -> None:
    segments = [*split_into_segments(_words("one", "two", at_s=5.0))]
    heard = _heard(*segments, voice_s=2.0, is_truncated=True)

    assert "first_word_s" not in measure_speech(replace(heard, unclear=[(1.0, 3.0)]), duration_s=8.0)
    assert "first_word_s" in measure_speech(replace(heard, unclear=[(6.0, 8.0)]), duration_s=8.0)


@pytest.mark.parametrize(
    ("voices", "words", "expected"),
    [
        ([], [], []),
        ([(0.0, 5.0)], [], [(0.0, 5.0)]),
        ([(0.0, 0.4)], [], []),
        ([(0.0, 2.0)], [(0.1, 1.9)], []),
        ([(0.0, 10.0)], [(0.0, 5.0)], [(5.0, 10.0)]),
        ([(0.0, 10.0)], [(6.0, 10.0)], [(0.0, 6.0)]),
        ([(0.0, 10.0)], [(0.0, 3.0), (6.0, 10.0)], [(3.0, 6.0)]),
        ([(0.0, 10.0)], [(0.0, 3.0), (4.1, 10.0)], []),
        ([(0.0, 3.0), (20.0, 24.0)], [(0.0, 3.0)], [(20.0, 24.0)]),
        ([(0.0, 3.0), (3.2, 3.6), (3.8, 4.2)], [(0.0, 2.8)], [(2.8, 4.2)]),
        ([(1.0, 1.3), (9.0, 9.3)], [(4.0, 5.0)], []),
        ([(0.0, 8.0)], [(0.0, 8.0), (2.0, 2.5)], []),
    ],
)
def test_voices_without_words_are_found(
    voices: list[tuple[float, float]], words: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    assert find_wordless_voices(voices, [SpokenWord(*times, " a") for times in words]) == expected


def test_the_voices_of_a_timeline_are_rounded() -> None:
    assert timeline_of_voices([(0.123, 1.0), (1.5, 2.987)]) == {
        "voices": [{"from_s": 0.12, "to_s": 1.0}, {"from_s": 1.5, "to_s": 2.99}]
    }
    assert timeline_of_voices([]) == {"voices": []}


def test_of_too_many_voices_those_with_the_shortest_pauses_are_joined() -> None:
    voices = [(float(number), number + 0.5) for number in range(MAX_VOICES)]

    joined = timeline_of_voices([*voices[:7], (7.0, 7.5), (7.55, 7.6), *voices[8:]])["voices"]

    assert len(joined) == MAX_VOICES
    assert joined[7] == {"from_s": 7.0, "to_s": 7.6}


def test_silence_has_zero_words_and_truncated_silence_has_no_count() -> None:
    assert measure_speech(_heard(), duration_s=8.0) == {"speech_words": 0, "speech_share": 0.0}
    assert measure_speech(_heard(is_truncated=True), duration_s=8.0) == {}


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ([" September.", " september"], True),
        ([" Sunday"], True),
        ([" September", " and", " Sunday"], False),
        ([" two"], False),
        ([], False),
    ],
)
def test_recognising_only_the_neighbouring_words_again_is_a_repetition(again: list[str], expected: bool) -> None:
    words = [SpokenWord(0, 1, " November,"), SpokenWord(1, 2, " September,"), SpokenWord(4, 5, " Sunday,")]

    assert is_repetition([SpokenWord(2.5, 3, text) for text in again], words, (2.0, 4.0)) == expected
