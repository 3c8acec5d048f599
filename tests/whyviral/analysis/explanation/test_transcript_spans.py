from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.explanation.transcript_spans import (
    MAX_SPAN_CHARACTERS,
    MAX_TRANSCRIPT_CHARACTERS,
    TranscriptSpan,
    transcript_spans,
)
from whyviral.analysis.facts.snapshot import MediumSnapshot
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment


def video(*segments: SpokenSegment) -> MediumSnapshot:
    return MediumSnapshot(MediaKind.VIDEO, segments=segments)


def test_short_lines_are_joined_into_moments_and_numbered_through_all_videos() -> None:
    lines = [SpokenSegment(2.0 * number, 2.0 * number + 2, f"line {number}") for number in range(6)]
    media = [
        MediumSnapshot(MediaKind.IMAGE),
        video(*lines),
        video(),
        video(SpokenSegment(1.005, 3, " so \n it ends ")),
    ]

    assert transcript_spans(media) == (
        [
            TranscriptSpan("T1", 1, 0.0, 10.0, "line 0 line 1 line 2 line 3 line 4"),
            TranscriptSpan("T2", 1, 10.0, 12.0, "line 5"),
            TranscriptSpan("T3", 3, 1.0, 3, "so it ends"),
        ],
        False,
    )


def test_a_transcript_without_end_is_cut() -> None:
    line = "a" * MAX_SPAN_CHARACTERS
    fitting = MAX_TRANSCRIPT_CHARACTERS // MAX_SPAN_CHARACTERS

    whole, is_whole_cut = transcript_spans([video(*[SpokenSegment(0, 1, line)] * fitting)])
    part, is_part_cut = transcript_spans([video(*[SpokenSegment(0, 1, line)] * (fitting + 1))])

    assert (len(whole), is_whole_cut) == (fitting, False)
    assert (part, is_part_cut) == (whole, True)


def test_one_line_longer_than_everything_is_cut_too() -> None:
    assert transcript_spans([video(SpokenSegment(0, 1, "a" * (MAX_TRANSCRIPT_CHARACTERS + 1)))]) == ([], True)


SEGMENTS = st.lists(st.builds(SpokenSegment, st.floats(0, 99), st.floats(0, 99), st.text()), max_size=9)


@given(SEGMENTS)
def test_no_word_is_lost_or_moved(segments: list[SpokenSegment]) -> None:
    spans, is_cut = transcript_spans([video(*segments)])

    assert not is_cut
    assert " ".join(span.text for span in spans).split() == " ".join(line.text for line in segments).split()
