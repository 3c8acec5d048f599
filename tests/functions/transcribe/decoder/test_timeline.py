import json
import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from functions.transcribe.decoder.audio import SAMPLE_RATE
from functions.transcribe.decoder.examination import Examined
from functions.transcribe.decoder.timeline import (
    MAX_CUTS,
    MAX_LEVELS,
    SILENT_DBFS,
    Timeline,
    cuts_on_timeline,
    timeline_of_levels,
    widest_apart,
)


def test_cuts_are_rounded_to_hundredths_of_a_second() -> None:
    assert cuts_on_timeline([1.2345, 2.0], watched_s=3.4567) == {"cuts_s": (1.23, 2.0), "watched_s": 3.46}


def test_of_too_many_cuts_those_nearest_to_the_one_before_are_left_out() -> None:
    assert widest_apart([1.0, 1.1, 3.0, 3.4, 9.0], at_most=3) == [1.0, 3.0, 9.0]
    assert widest_apart([1.0, 1.1], at_most=2) == [1.0, 1.1]
    assert widest_apart([], at_most=2) == []


def test_the_timeline_of_a_video_that_is_all_cuts_is_bounded() -> None:
    fields = cuts_on_timeline([number / 30 for number in range(100_000)], watched_s=3334.0)

    assert len(Timeline(**fields).cuts_s or ()) == MAX_CUTS


def test_cuts_at_impossible_times_are_left_out() -> None:
    assert cuts_on_timeline([-1.0, math.nan, 2.0, 1e12], watched_s=1e12) == {"cuts_s": (2.0,), "watched_s": 1_000_000.0}


def test_the_level_is_the_root_mean_square_of_each_window() -> None:
    loud = np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE).astype(np.float32)
    samples = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), loud, loud / 10])

    timeline = timeline_of_levels(samples)

    assert timeline.level_step_s == 0.1
    assert timeline.levels_dbfs == (*[SILENT_DBFS] * 10, *[-3.0] * 10, *[-23.0] * 10)


def test_a_full_scale_square_wave_is_at_zero() -> None:
    assert timeline_of_levels(np.ones(1_600, np.float32)).levels_dbfs == (0.0,)


@pytest.mark.parametrize("seconds", [0.00001, 0.05, 19.99, 20.0, 20.01, 61.3, 600.0])
def test_a_sound_of_any_length_has_few_levels_that_reach_its_end(seconds: float) -> None:
    samples = np.full(max(round(seconds * SAMPLE_RATE), 1), 0.5, np.float32)

    timeline = timeline_of_levels(samples)

    levels, step_s = timeline.levels_dbfs or (), timeline.level_step_s or 0
    assert set(levels) == {-6.0}
    assert 1 <= len(levels) <= MAX_LEVELS
    assert (len(levels) - 1) * step_s < samples.size / SAMPLE_RATE <= len(levels) * step_s + 1e-3


def test_no_sound_has_no_levels() -> None:
    assert timeline_of_levels(np.zeros(0, np.float32)).as_json() == {}


@pytest.mark.parametrize(
    "timeline",
    [
        {"cuts_s": [0.0] * (MAX_CUTS + 1)},
        {"cuts_s": [-0.01]},
        {"cuts_s": ["1.0; drop"]},
        {"cuts_s": [math.nan]},
        {"watched_s": math.inf},
        {"levels_dbfs": [-3.0] * (MAX_LEVELS + 1)},
        {"levels_dbfs": [0.1]},
        {"levels_dbfs": [-1000.0]},
        {"level_step_s": 0},
    ],
)
def test_a_timeline_that_a_hostile_file_wrote_is_refused(timeline: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Examined.model_validate_json(json.dumps({"timeline": timeline}))
