"""Voices of the hearing corpus: a reader of LibriVox, telephone recordings of Debian, and espeak-ng.

Debian's packages are downloaded with apt and unpacked into .tools/hearing, never installed. Their recordings are words
of professional speakers at 8 kHz; espeak-ng is synthetic.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from bench.hearing.words import MONTHS, SENTENCES, WEEKDAYS
from functions.transcribe.decoder.audio import SAMPLE_RATE

type Samples = NDArray[np.float32]

_ROOT = Path(__file__).parents[2]
_LIBRIVOX = _ROOT / "local" / "samples" / "speech"
DEBIAN = _ROOT / ".tools" / "hearing"
_PACKAGES = (
    *(f"asterisk-core-sounds-{language}-wav" for language in ("en", "es", "fr", "it", "ru")),
    *("asterisk-prompt-es-co", "asterisk-prompt-fr-armelle", "asterisk-prompt-it-menardi-wav"),
    *("espeak-ng", "espeak-ng-data", "libespeak-ng1", "libpcaudio0", "libsonic0"),
)
_SPEAKERS = {
    "Allison, en": ("en", "en_US_f_Allison"),
    "Allison, es": ("es", "es_MX_f_Allison"),
    "June": ("fr", "fr_CA_f_June"),
    "Menardi": ("it", "it_IT_f_Menardi"),
    "Carlo": ("it", "it_IT_m_Carlo"),
    "IvrvoiceRU": ("ru", "ru_RU_f_IvrvoiceRU"),
    "Colombian": ("es", "es"),
    "Armelle": ("fr", "fr"),
}
_SYNTHETIC = {
    "en-us+m3": "en", "en-us+f2": "en", "en-gb+m7": "en", "en-gb-scotland+f4": "en",
    "de+m1": "de", "de+f3": "de", "es+m2": "es", "es-419+f5": "es",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words that a voice says, as 16 kHz mono."""

    samples: Samples
    words: str


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker and what there is of them; sentences, or single words."""

    name: str
    language: str
    is_synthetic: bool
    utterances: tuple[Utterance, ...]


def librivox() -> Voice:
    """Return the voice that lies in the checkout."""
    texts: dict[str, str] = json.loads((_LIBRIVOX / "transcripts.json").read_text())
    said = tuple(Utterance(_read(_LIBRIVOX / name), text) for name, text in texts.items())
    return Voice("LibriVox", "en", is_synthetic=False, utterances=said)


def download() -> None:
    """Fetch and unpack Debian's packages, once."""
    if (DEBIAN / "usr" / "bin" / "espeak-ng").is_file():
        return
    DEBIAN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-qq", *_PACKAGES], cwd=folder, check=True)  # noqa: S607 - wherever it is
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, DEBIAN], check=True)  # noqa: S607 - wherever it is


def telephone() -> Iterator[Voice]:
    """Yield the speakers of telephone recordings with their weekdays and months."""
    for name, (language, folder) in _SPEAKERS.items():
        files = {f"day-{number}": word for number, word in enumerate(WEEKDAYS[language])}
        files |= {f"mon-{number}": word for number, word in enumerate(MONTHS[language])}
        digits = DEBIAN / "usr" / "share" / "asterisk" / "sounds" / folder / "digits"
        paths = {word: next(digits.glob(f"{stem}.*")) for stem, word in files.items()}
        said = tuple(Utterance(_trimmed(_read(path)), word) for word, path in paths.items())
        yield Voice(name, language, is_synthetic=False, utterances=said)


def synthetic() -> Iterator[Voice]:
    """Yield voices of espeak-ng with the sentences of their language."""
    for name, language in _SYNTHETIC.items():
        said = tuple(Utterance(_spoken(name, sentence), sentence) for sentence in SENTENCES[language])
        yield Voice(f"espeak-ng {name}", language, is_synthetic=True, utterances=said)


def _spoken(voice: str, text: str) -> Samples:
    libraries = next(DEBIAN.glob("usr/lib/*-linux-gnu"))
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(libraries),
        "ESPEAK_DATA_PATH": str(libraries / "espeak-ng-data"),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        program = DEBIAN / "usr" / "bin" / "espeak-ng"
        subprocess.run([program, "-v", voice, "-s", "150", "-w", path, text], env=environment, check=True)
        return _read(path)


def _read(path: Path) -> Samples:
    with av.open(str(path), format="gsm" if path.suffix == ".gsm" else None) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [*(r for frame in file.decode(audio=0) for r in resampler.resample(frame)), *resampler.resample(None)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames])


def _trimmed(samples: Samples) -> Samples:
    """Return a recording without the silence around it."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 50)
    return samples[max(loud[0] - 800, 0) : loud[-1] + 800]
