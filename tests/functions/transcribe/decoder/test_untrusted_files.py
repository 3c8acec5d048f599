import os
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.transcribe.decoder.audio import read_samples
from functions.transcribe.decoder.container import UnreadableMedia
from functions.transcribe.decoder.untrusted_files import open_untrusted
from tests.functions.transcribe.conftest import WorkerBench


def test_a_regular_file_from_the_decoder_is_read(tmp_path: Path) -> None:
    path = tmp_path / "left"
    path.write_bytes(b"12345678")

    with open_untrusted(path, max_bytes=8) as file:
        assert file.read() == b"12345678"


def _secret_of(path: Path) -> Path:
    secret = path.parent / "secret"
    secret.write_bytes(b"secret")
    return secret


def _larger(path: Path) -> None:
    path.write_bytes(b"123456789")


_TRICKS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _path: None,
    "an empty file": Path.touch,
    "a larger file": _larger,
    "a symbolic link": lambda path: path.symlink_to(_secret_of(path)),
    "a second name of a file": lambda path: path.hardlink_to(_secret_of(path)),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("trick", _TRICKS)
def test_anything_but_a_small_regular_file_is_refused(trick: str, tmp_path: Path) -> None:
    _TRICKS[trick](tmp_path / "left")

    with pytest.raises(UnreadableMedia, match="cannot be decoded"):
        open_untrusted(tmp_path / "left", max_bytes=8)


def test_samples_are_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(_secret_of(tmp_path / "link"))

    with pytest.raises(UnreadableMedia):
        read_samples(tmp_path / "link")


@pytest.mark.parametrize("name", ["frame-1.jpg", "thumbnail.jpg"])
def test_a_link_to_another_file_is_never_published_as_a_picture(name: str, worker: WorkerBench, tmp_path: Path) -> None:
    job = worker.request(["hostile", "good"])
    worker.decoder.links[b"hostile"] = (name, _secret_of(tmp_path / name))

    worker.process(job)

    assert b"secret" not in worker.store.files.values()
    hostile, good = worker.media()
    assert hostile.error == {"category": "media_error", "message": "The file cannot be decoded."}
    assert good.error is None
