"""Clips of the hearing corpus: voices as posts bring them, with gaps, rates, channels, codecs, noise and music."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.frame import AudioFrame

from bench.hearing.voices import Samples, Utterance, Voice
from functions.transcribe.decoder.audio import SAMPLE_RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

_MUSIC = Path(__file__).parents[2] / "local" / "samples" / "music.mp4"
_GAPS_S = (0.0, 0.5)
_RATES = (8_000, 22_050, 44_100, 48_000)
_CHANNELS = ("left", "right", "antiphase", "stereo", "half antiphase")
_CODECS = (("mp4", "aac", 32_000), ("webm", "libopus", 16_000), ("mp3", "libmp3lame", 32_000), ("mp4", "ac3", 96_000),
           ("ogg", "libopus", 24_000))  # fmt: skip
_NOISE_DB = (20, 10, 5)
_MUSIC_DB = (10, 5)
_WORDS_A_LIST = 7
_LISTS_A_VOICE = 6


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound, how it is stored, and what is said in it; `channels` has the shape (channels, samples) at `rate`."""

    kind: str
    name: str
    voice: Voice
    words: str
    channels: Samples
    rate: int = SAMPLE_RATE
    suffix: str = "wav"
    codec: str = "pcm_s16le"
    bit_rate: int = 0

    def write(self, folder: Path) -> Path:
        """Encode it into a file of `folder`."""
        path = folder / f"clip.{self.suffix}"
        layout = "mono" if len(self.channels) == 1 else "stereo"
        rate = 48_000 if self.codec in ("libopus", "ac3") else self.rate
        with av.open(str(path), "w") as file:
            stream = cast("AudioStream", file.add_stream(self.codec, rate=rate, layout=layout))
            if self.bit_rate:
                stream.bit_rate = self.bit_rate
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(self.channels), format="fltp", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = self.rate, Fraction(1, self.rate), 0
            resampler = av.AudioResampler(
                format=stream.format.name, layout=layout, rate=rate, frame_size=stream.frame_size
            )
            for ready in (*resampler.resample(frame), *resampler.resample(None)):
                file.mux(stream.encode(ready))
            file.mux(stream.encode(None))
        return path


def of_sentences(voice: Voice) -> Iterator[Clip]:
    """Yield all kinds of clips of a voice that says sentences."""
    for first, second in permutations(voice.utterances, 2):
        for gap_s in _GAPS_S:
            joined = _joined([first, second], gap_s)
            yield Clip("pair", f"{gap_s} s between", voice, f"{first.words} {second.words}", joined[None])
    for said in voice.utterances:
        for rate in _RATES:
            yield Clip("rate", f"{rate} Hz", voice, said.words, _resampled(said.samples, rate)[None], rate=rate)
        for name in _CHANNELS:
            yield Clip("channels", name, voice, said.words, _placed(said.samples, name))
        for suffix, codec, bit_rate in _CODECS:
            stereo = np.stack([said.samples, said.samples])
            yield Clip(
                "codec",
                f"{codec} in {suffix}",
                voice,
                said.words,
                stereo,
                suffix=suffix,
                codec=codec,
                bit_rate=bit_rate,
            )
        yield from _covered(voice, said)


def _covered(voice: Voice, said: Utterance) -> Iterator[Clip]:
    noise = np.random.default_rng(5).normal(0, 1, said.samples.size).astype(np.float32)
    for ratio_db in _NOISE_DB:
        yield Clip("noise", f"{ratio_db} dB", voice, said.words, _over(said.samples, noise, ratio_db)[None])
    music = np.resize(_music(), said.samples.size)
    for ratio_db in _MUSIC_DB:
        yield Clip("music", f"{ratio_db} dB", voice, said.words, _over(said.samples, music, ratio_db)[None])


def of_lists(voice: Voice) -> Iterator[Clip]:
    """Yield clips of a voice of single words: lists of words with short pauses."""
    rng = np.random.default_rng(len(voice.name))
    for number in range(_LISTS_A_VOICE):
        chosen = [voice.utterances[at] for at in rng.permutation(len(voice.utterances))[:_WORDS_A_LIST]]
        gap_s = 0.15 if number % 2 else 0.4
        yield Clip("list", f"{gap_s} s between", voice, " ".join(said.words for said in chosen),
                   _joined(chosen, gap_s)[None])  # fmt: skip


def of_synthetic_sentences(voice: Voice) -> Iterator[Clip]:
    """Yield single sentences, and two with half a second between."""
    first, second, *others = voice.utterances
    yield Clip("pair", "0.5 s between", voice, f"{first.words} {second.words}", _joined([first, second], 0.5)[None])
    for said in others[:3]:
        yield Clip("sentence", voice.language, voice, said.words, said.samples[None])


def _joined(said: Sequence[Utterance], gap_s: float) -> Samples:
    gap = np.zeros(round(gap_s * SAMPLE_RATE), np.float32)
    return np.concatenate([piece for one in said for piece in (one.samples, gap)][:-1])


def _placed(samples: Samples, name: str) -> Samples:
    silent = np.zeros_like(samples)
    pairs = {
        "left": (samples, silent),
        "right": (silent, samples),
        "antiphase": (samples, -samples),
        "stereo": (samples, samples),
        "half antiphase": (samples, np.concatenate([samples[: samples.size // 2], -samples[samples.size // 2 :]])),
    }
    return np.stack(pairs[name])


def _resampled(samples: Samples, rate: int) -> Samples:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    frame = AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([ready.to_ndarray().ravel() for ready in frames])


def _over(speech: Samples, other: Samples, ratio_db: float) -> Samples:
    """Return speech with something under it, so many decibels below."""
    level = np.sqrt(np.mean(speech**2) / np.mean(other**2)) * 10 ** (-ratio_db / 20)
    mixed: Samples = (speech + level * other).astype(np.float32)
    return mixed / max(1.0, float(np.abs(mixed).max()))


def _music() -> Samples:
    with av.open(str(_MUSIC)) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        return np.concatenate(
            [r.to_ndarray().ravel() for frame in file.decode(audio=0) for r in resampler.resample(frame)]
        )
