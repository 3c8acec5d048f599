"""The parameter `Release` changes with anything that is deployed, and with nothing else."""

from pathlib import Path

import pytest

from tools.deployment.release import compute_release

PARAMETERS = {"MapConcurrency": "5", "Debug": "false"}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for name in ("template.yaml", "CommonLayer/python/whyviral/core/clock.py", "ApiFunction/functions/api/handler.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_the_same_build_has_the_same_release(build: Path) -> None:
    before = compute_release(build, PARAMETERS)
    cached = build / "CommonLayer/python/whyviral/core/__pycache__/clock.cpython-313.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"bytecode")

    assert compute_release(build, dict(reversed(PARAMETERS.items()))) == before
    assert len(before) == 64


@pytest.mark.parametrize(
    "name", ["template.yaml", "CommonLayer/python/whyviral/core/clock.py", "CommonLayer/python/new.py"]
)
def test_a_changed_or_added_file_changes_the_release(build: Path, name: str) -> None:
    before = compute_release(build, PARAMETERS)
    (build / name).write_text("changed")

    assert compute_release(build, PARAMETERS) != before


def test_a_moved_file_and_a_changed_parameter_change_the_release(build: Path) -> None:
    before = compute_release(build, PARAMETERS)
    other = compute_release(build, PARAMETERS | {"Debug": "true"})
    (build / "template.yaml").rename(build / "other.yaml")

    assert len({before, other, compute_release(build, PARAMETERS)}) == 3
