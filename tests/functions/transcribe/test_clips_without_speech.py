"""Silence, noise and music give no words and no claim about speech (`make proof`: 100 clips at PROOF_SCALE=1)."""

import random

import numpy as np
import pytest

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples
from functions.transcribe.model_files import find_model_files
from functions.transcribe.whisper import WhisperListener
from tests.fixtures.proof_scale import seeds
from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.core.clock import utc_now
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import Transcript
from whyviral.social.platforms import Platform

ABOUT_SPEECH = {"spoken_hook", "hook_words", "first_word", "spoken_words", "speech_rate", "speech_share"}
NOTES_HZ = (220.0, 261.6, 329.6, 392.0, 440.0, 523.3)
KINDS = ("silence", "noise", "music")


def clip_of(seed: int) -> Samples:
    """Return 4 to 8 seconds of silence, noise or music."""
    chance, pixels = random.Random(seed), np.random.default_rng(seed)
    time_s = np.arange(int(chance.uniform(4, 8) * SAMPLE_RATE)) / SAMPLE_RATE
    match KINDS[seed % len(KINDS)]:
        case "silence":
            sound = pixels.normal(0, chance.choice([0, 1e-5, 1e-4]), len(time_s))
        case "noise":
            white = pixels.normal(0, chance.choice([0.005, 0.02, 0.1]), len(time_s))
            sound = np.cumsum(white) * 0.02 if chance.random() < 0.5 else white
            sound -= sound.mean()
        case _:
            sound = np.zeros(len(time_s))
            for start_s in np.arange(0, time_s[-1], chance.choice([0.25, 0.5])):
                after_s = np.clip(time_s - start_s, 0, None)
                envelope = np.where(time_s >= start_s, np.exp(-3 * after_s), 0)
                for note_hz in chance.sample(NOTES_HZ, 3):
                    sound += 0.08 * envelope * np.sin(2 * np.pi * note_hz * after_s)
    return np.clip(sound, -1, 1).astype(np.float32)


def facts_of(transcript: Transcript) -> dict[str, object]:
    """Return the facts of a video in which the worker heard this."""
    video = MediumSnapshot(
        MediaKind.VIDEO,
        has_speech=bool(transcript.segments),
        segments=transcript.segments,
        transcript_source=transcript.source if transcript.segments else None,
        is_transcript_truncated=transcript.is_truncated,
    )
    post = PostSnapshot(platform=Platform.X, text="", media=[video])
    return {fact.name: fact.value for fact in compute_facts(post, measured_at=utc_now())}


@pytest.mark.proof
def test_no_clip_without_speech_gives_words_or_a_claim_about_speech() -> None:
    listener = WhisperListener(find_model_files(None), device="cpu")
    heard = {}
    for seed in seeds(100):
        transcript = listener.listen(clip_of(seed), should_stop=lambda: False).transcript
        facts = facts_of(transcript)
        if transcript.text or ABOUT_SPEECH & facts.keys() or facts.get("has_speech") is not False:
            heard[f"{KINDS[seed % len(KINDS)]} {seed}"] = transcript.text

    assert heard == {}
