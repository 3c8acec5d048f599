"""The worker's transcription: time to the first text, speed relative to the speech, accuracy and memory."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measurement import Measurement
from local.stack.whisper_models import base_model

_ROOT = Path(__file__).parents[1]
_SPEECH = _ROOT / "local" / "samples" / "speech"
_REPEATS = 4
_REAL_TIME = 1.0
_PROGRAM = """
import json, resource, sys, time
started = time.perf_counter()
import numpy as np
from pathlib import Path
from functions.transcribe.decoder.audio import SAMPLE_RATE, extract_sound, read_samples
from functions.transcribe.decoder.container import open_media
from functions.transcribe.model_files import find_model_files
from functions.transcribe.whisper import WhisperListener

def samples_of(path):
    with open_media(path) as container:
        extract_sound(container, Path(sys.argv[2]))
    return read_samples(Path(sys.argv[2]))

clips = [samples_of(Path(path)) for path in sys.argv[3:]]
listener = WhisperListener(find_model_files(sys.argv[1] or None), device="cpu")
listener.listen(clips[0], should_stop=lambda: False)
first_s = time.perf_counter() - started
speech = np.tile(np.concatenate(clips), {repeats})
started = time.perf_counter()
heard = listener.listen(speech, should_stop=lambda: False)
factor = (time.perf_counter() - started) / (speech.size / SAMPLE_RATE)
memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps([first_s, factor, memory_mb, heard.transcript.text]))
"""


def measure() -> list[Measurement]:
    """Measure the worker's listener in a separate process for each model."""
    return _measure("tiny.en", "") + _measure("base", str(base_model(_ROOT / ".local" / "models" / "base")))


def _measure(name: str, weights: str) -> list[Measurement]:
    texts: dict[str, str] = json.loads((_SPEECH / "transcripts.json").read_text())
    clips = [str(_SPEECH / file) for file in texts]
    first_s, factor, memory_mb, heard = _run(weights, clips)
    said = _plain(" ".join([*texts.values()] * _REPEATS))
    return [
        Measurement(f"Whisper {name}: from start to the first text", first_s, "s"),
        Measurement(f"Whisper {name}: time for a second of speech", factor, "s", at_most=_REAL_TIME),
        Measurement(f"Whisper {name}: words wrong", _word_error_rate(said, _plain(heard)), "share", at_most=0.15),
        Measurement(f"Whisper {name}: memory at most", memory_mb, "MB"),
    ]


def _run(weights: str, clips: Sequence[str]) -> tuple[float, float, float, str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PROGRAM.replace("{repeats}", str(_REPEATS)), weights, f"{folder}/audio.f32"]
        answer = subprocess.run([*command, *clips], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    first_s, factor, memory_mb, text = json.loads(answer.splitlines()[-1])
    return first_s, factor, memory_mb, text


def _word_error_rate(said: str, heard: str) -> float:
    import jiwer  # noqa: PLC0415 - takes a second to import, for this figure only

    return float(jiwer.wer(said, heard))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower().replace("-", " ").replace("mr.", "mister"))
