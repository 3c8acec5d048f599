"""How exactly cuts are found in generated clips (`make proof`: 50 of them at PROOF_SCALE=1)."""

import random
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from functions.transcribe.decoder.container import open_media
from functions.transcribe.decoder.cuts import watch
from tests.fixtures.proof_scale import seeds

FPS = 15
SIZE, AREAS = 96, 6
WITHIN_S = 0.15
"""How far from its true time a found cut may be: about two frames."""


def scene(chance: random.Random, frames: int) -> list[NDArray[np.uint8]]:
    """Return the frames of one scene: coloured areas that drift, with noise and changing light.

    The areas make it a picture of something: flat pictures of the same brightness are a known limit (docs/metrics.md).
    """
    pixels = np.random.default_rng(chance.randrange(2**32))
    areas = pixels.integers(20, 236, (AREAS, AREAS, 3)).repeat(SIZE // AREAS, axis=0).repeat(SIZE // AREAS, axis=1)
    picture = areas + pixels.integers(-15, 16, (SIZE, SIZE, 1))
    step, light = chance.randint(0, 2), chance.uniform(-0.5, 0.5)
    return [
        np.clip(np.roll(picture, number * step, axis=1) + light * number, 0, 255).astype(np.uint8)
        for number in range(frames)
    ]


def write_clip(path: Path, chance: random.Random) -> list[float]:
    """Write a clip of one to eight scenes and return the times of its cuts."""
    lengths = [chance.randint(8, 40) for _ in range(chance.randint(1, 8))]
    with av.open(str(path), mode="w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for frames in lengths:
            for picture in scene(chance, frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return [sum(lengths[:number]) / FPS for number in range(1, len(lengths))]


def found_in(path: Path) -> list[float]:
    with open_media(path) as container:
        return watch(container, container.streams.video[0], budget_s=60).cuts_s


def matches(true_s: list[float], found_s: list[float]) -> int:
    """Return how many true cuts have a found one of their own nearby."""
    left = list(found_s)
    for at_s in true_s:
        near = [found for found in left if abs(found - at_s) <= WITHIN_S]
        if near:
            left.remove(min(near, key=lambda found: abs(found - at_s)))
    return len(found_s) - len(left)


@pytest.mark.proof
def test_cuts_are_found_with_an_f1_of_95_percent(tmp_path: Path) -> None:
    true, found, matched = 0, 0, 0
    for seed in seeds(50):
        path = tmp_path / f"{seed}.mp4"
        true_s = write_clip(path, random.Random(seed))
        found_s = found_in(path)
        true, found, matched = true + len(true_s), found + len(found_s), matched + matches(true_s, found_s)

    f1 = 2 * matched / (true + found)
    assert f1 >= 0.95, f"{true} true, {found} found, {matched} matched"
