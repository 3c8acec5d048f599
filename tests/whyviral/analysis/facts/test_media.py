import math
from datetime import UTC, datetime
from typing import Any

import pytest

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.platforms import Platform

MEASUREMENTS = {
    "duration_s": 12.0,
    "fps": 29.97,
    "cut_count": 6,
    "cuts_per_minute": 30.0,
    "first_cut_s": 1.24,
    "loudness_lufs": -14.2,
    "hook_loudness_lufs": -11.5,
    "silence_share": 0.125,
}
ABOUT_MEDIA = [
    "orientation",
    "aspect_ratio",
    "duration",
    "cut_count",
    "cuts_per_minute",
    "first_cut",
    "frame_rate",
    "loudness",
    "hook_loudness",
    "silence_share",
]


def facts_of(*media: MediumSnapshot) -> dict[str, tuple[object, str, str]]:
    post = PostSnapshot(platform=Platform.INSTAGRAM, text="kite", media=media)
    facts = compute_facts(post, measured_at=datetime(2026, 11, 23, tzinfo=UTC))
    return {fact.name: (fact.value, fact.unit, fact.source) for fact in facts if fact.name in ABOUT_MEDIA}


def video(**known: Any) -> MediumSnapshot:
    return MediumSnapshot(MediaKind.VIDEO, **known)


def test_a_measured_video_has_exactly_these_facts() -> None:
    measured = video(duration_s=12.0, width=720, height=1280, measurements=MEASUREMENTS)

    assert facts_of(measured) == {
        "orientation": ("vertical", "video", "measured in the first video"),
        "aspect_ratio": (0.5625, "width to height", "measured in the first video"),
        "duration": (12.0, "seconds", "instagram media"),
        "cut_count": (6, "cuts", "measured in the first video"),
        "cuts_per_minute": (30.0, "cuts per minute", "measured in the first video"),
        "first_cut": (1.24, "seconds", "measured in the first video"),
        "frame_rate": (29.97, "frames per second", "measured in the first video"),
        "loudness": (-14.2, "LUFS", "measured in the first video"),
        "hook_loudness": (-11.5, "LUFS", "measured in the first video"),
        "silence_share": (0.125, "ratio", "measured in the first video"),
    }


def test_an_unmeasured_video_has_no_facts_about_cuts_and_loudness() -> None:
    assert facts_of(video(duration_s=60.0)) == {"duration": (60.0, "seconds", "instagram media")}


def test_a_video_without_cuts_has_zero_cuts_and_no_first_cut() -> None:
    facts = facts_of(video(measurements={"cut_count": 0, "cuts_per_minute": 0.0}))

    assert (facts["cut_count"][0], "first_cut" in facts) == (0, False)


def test_media_facts_describe_the_first_video() -> None:
    facts = facts_of(
        MediumSnapshot(MediaKind.IMAGE, width=100, height=100), video(duration_s=3.0), video(duration_s=9.0)
    )

    assert facts == {"duration": (3.0, "seconds", "instagram media")}


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(1080, 1080, "square"), (1080, 1090, "square"), (1080, 1350, "vertical"), (1920, 1080, "horizontal")],
)
def test_a_photo_has_an_orientation(width: int, height: int, shape: str) -> None:
    facts = facts_of(MediumSnapshot(MediaKind.IMAGE, width=width, height=height))

    assert facts["orientation"] == (shape, "image", "measured in the first image")


@pytest.mark.parametrize(("width", "height"), [(None, 5), (0, 5), (5, 0), (-5, -5)])
def test_a_medium_without_a_valid_size_has_no_orientation(width: int | None, height: int | None) -> None:
    assert facts_of(MediumSnapshot(MediaKind.IMAGE, width=width, height=height)) == {}


@pytest.mark.parametrize("value", [None, "7", True, [], -1, math.nan, math.inf, 2**63])
def test_an_impossible_measurement_is_absent(value: Any) -> None:
    assert facts_of(video(measurements={"cut_count": value})) == {}


def test_loudness_may_be_negative_but_must_be_finite() -> None:
    assert facts_of(video(measurements={"loudness_lufs": -math.inf, "hook_loudness_lufs": -200})) == {}
