import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from functions.transcribe.deadline import Deadline, OutOfTime, WorkerStopped
from functions.transcribe.decoder import isolated_decoder
from functions.transcribe.decoder.container import HostFailure, UnreadableMedia
from functions.transcribe.decoder.examination import THUMBNAIL, examine
from functions.transcribe.decoder.isolated_decoder import decode
from tests.fixtures.waits import WAIT_S


def test_a_process_of_its_own_finds_what_is_found_here(clip: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()

    examined = decode(clip, there, deadline=Deadline(WAIT_S))

    assert examined == examine(clip, here, watch_budget_s=30, pictures_budget_s=30)
    assert (there / THUMBNAIL).read_bytes() == (here / THUMBNAIL).read_bytes()


def test_why_a_file_is_refused_is_heard_from_the_other_process(tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    path.write_text("<html></html>")

    with pytest.raises(UnreadableMedia, match="its format is not supported"):
        decode(path, tmp_path, deadline=Deadline(WAIT_S))


_ANSWER = "import sys; from pathlib import Path; (Path(sys.argv[2]) / 'examined.json')"
_PROGRAMS = {
    "fails": "raise SystemExit(1)",
    "says nothing": "",
    "babbles": f"{_ANSWER}.write_text('[7]')",
    "is endless": f"{_ANSWER}.write_text('1' * 200_000)",
    "points elsewhere": f"{_ANSWER}.symlink_to(Path(sys.argv[1]).parent / 'honest.json')",
}


def _replace_examine(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run another program in place of `decoder/examination.py`."""
    package = folder / "root" / "functions" / "transcribe" / "decoder"
    package.mkdir(parents=True)
    for parent in (package, package.parent, package.parent.parent):
        (parent / "__init__.py").touch()
    (package / "examination.py").write_text(program)
    # A patch, since no real file breaks the decoder in each of these ways.
    monkeypatch.setattr(isolated_decoder, "_ROOT", folder / "root")


@pytest.mark.parametrize("how", _PROGRAMS)
def test_a_file_that_breaks_the_process_breaks_nothing_else(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_examine(_PROGRAMS[how], tmp_path, monkeypatch)
    (tmp_path / "honest.json").write_text("{}")

    with pytest.raises(UnreadableMedia, match="cannot be decoded"):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(WAIT_S))


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGTERM"])
def test_a_process_that_was_killed_says_nothing_about_the_file(
    signal_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_examine(f"import os, signal; os.kill(os.getpid(), signal.{signal_name})", tmp_path, monkeypatch)

    with pytest.raises(HostFailure):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(60))


@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
@pytest.mark.parametrize("where", ["extract_sound", "watch", "jpeg"])
def test_a_disk_that_fails_says_nothing_about_the_file(name: str, where: str, clip: Path, tmp_path: Path) -> None:
    """The real program, with one of its parts failing as a write to the disk would."""
    code = f"raise OSError({getattr(errno, name)}, 'of the disk')"
    program = f"""
import sys
from functions.transcribe.decoder import examination
def fail(*_, **__): {code}
examination.{where} = fail
sys.exit(examination.run(sys.argv[1:]))
"""
    arguments = [str(clip), str(tmp_path), "60", "60", "60"]

    ended = subprocess.run([sys.executable, "-c", program, *arguments], check=False)

    with pytest.raises(HostFailure):
        isolated_decoder.read_answer(tmp_path, ended.returncode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux's")
def test_a_full_disk_says_nothing_about_the_file(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "track.f32").symlink_to("/dev/full")
    # Without its isolation, which denies the device.
    program = """
import sys
from functions.transcribe.decoder import examination
examination.isolate = lambda *_: None
sys.exit(examination.run(sys.argv[1:]))
"""

    ended = subprocess.run([sys.executable, "-c", program, str(clip), str(tmp_path), "60", "60", "60"], check=False)

    with pytest.raises(HostFailure):
        isolated_decoder.read_answer(tmp_path, ended.returncode)


def test_a_file_that_takes_too_much_processor_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="takes too long"):
        isolated_decoder.read_answer(tmp_path, -signal.SIGXCPU)


def test_the_limit_of_processor_time_has_a_signal_of_its_own() -> None:
    program = "from functions.transcribe.decoder.examination import confine; confine(1)\nwhile True: pass"

    ended = subprocess.run([sys.executable, "-c", program], check=False)

    assert ended.returncode == -signal.SIGXCPU


_LIES = {
    "no number": '{"measurements": {"duration_s": NaN}}',
    "no end": '{"measurements": {"duration_s": Infinity}}',
    "less than nothing": '{"measurements": {"duration_s": -0.5}}',
    "more than the column holds": '{"measurements": {"duration_s": 10000000}}',
    "a number of many digits": '{"measurements": {"width": 1e999, "height": 1}}',
    "a width without a height": '{"measurements": {"width": 10}}',
    "a size of nothing": '{"measurements": {"width": 0, "height": 0}}',
    "a share above one": '{"measurements": {"silence_share": 1.1}}',
    "a loudness of no number": '{"measurements": {"loudness_lufs": NaN}}',
    "a name of its own": '{"measurements": {"speech_words": 5}}',
    "a word": '{"measurements": {"fps": "thirty"}}',
    "a time of no number": '{"frames_at_s": [NaN]}',
    "a time without end": '{"frames_at_s": [0.5, Infinity]}',
    "a time before the start": '{"frames_at_s": [-1]}',
    "more pictures than there are": '{"frames_at_s": [0, 1, 2, 3, 4, 5, 6, 7, 8]}',
    "words that no column holds": '{"problem": "\\u0000"}',
    "half a letter": '{"problem": "\\ud800"}',
    "words of another system": '{"refusal": "<script>"}',
    "many words": '{"refusal": "' + "a" * 301 + '"}',
}


@pytest.mark.parametrize("lie", _LIES)
def test_numbers_and_words_that_cannot_be_are_not_believed(lie: str, tmp_path: Path) -> None:
    (tmp_path / "examined.json").write_text(_LIES[lie])

    with pytest.raises(UnreadableMedia, match=r"^The file cannot be decoded\.$"):
        isolated_decoder.read_answer(tmp_path, 0)


@pytest.mark.parametrize("seconds", ["0", "0.001", "1000000"])
def test_a_duration_that_can_be_is_believed(seconds: str, tmp_path: Path) -> None:
    (tmp_path / "examined.json").write_text(f'{{"measurements": {{"duration_s": {seconds}}}}}')

    assert isolated_decoder.read_answer(tmp_path, 0).measurements == {"duration_s": float(seconds)}


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace_examine("import time; time.sleep(3600)", tmp_path, monkeypatch)
    monkeypatch.setattr(isolated_decoder, "MAX_EXAMINE_S", 0.5)  # four minutes in a moment

    with pytest.raises(UnreadableMedia, match="takes too long"):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(WAIT_S))


def test_a_decoder_that_fills_the_disk_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import sys, time
from pathlib import Path
for number in range(3_600):
    with (Path(sys.argv[2]) / str(number)).open("wb") as file:
        file.truncate(100_000)
    time.sleep(0.1)
"""
    _replace_examine(program, tmp_path, monkeypatch)
    monkeypatch.setattr(isolated_decoder, "MAX_FOLDER_BYTES", 1_000_000)  # a real disk need not be filled

    with pytest.raises(UnreadableMedia, match="too much room"):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(WAIT_S))


def test_a_file_is_not_blamed_for_the_end_of_the_jobs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace_examine("import time; time.sleep(3600)", tmp_path, monkeypatch)

    with pytest.raises(OutOfTime):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(0.5))


def test_a_worker_that_is_stopped_ends_the_process_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace_examine("import time; time.sleep(3600)", tmp_path, monkeypatch)
    deadline = Deadline(WAIT_S)
    deadline.stop()

    with pytest.raises(WorkerStopped):
        decode(tmp_path / "any.mp4", tmp_path, deadline=deadline)


def test_the_process_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys; from pathlib import Path; (Path(sys.argv[2]) / 'seen').write_text(' '.join(os.environ))"
    _replace_examine(program, tmp_path, monkeypatch)
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "secret")
    # Whoever knows this path is given the rights of the task by 169.254.170.2.
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/an-id")

    with pytest.raises(UnreadableMedia):
        decode(tmp_path / "any.mp4", tmp_path, deadline=Deadline(WAIT_S))

    assert set((tmp_path / "seen").read_text().split()) <= {"PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("greed", "end"),
    [
        ("bytearray(5 * 1024**3)", "MemoryError"),
        ("open('big', 'wb').truncate(10**9)", "OSError: [Errno 27] File too large"),
    ],
)
def test_the_process_cannot_have_more_than_it_is_given(greed: str, end: str, tmp_path: Path) -> None:
    program = f"from functions.transcribe.decoder.examination import confine; confine(60); {greed}"

    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.stderr.strip().endswith(end)


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux's")
def test_no_program_that_the_process_starts_has_more_rights() -> None:
    told = "print(*[line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')])"
    program = f"from functions.transcribe.decoder.examination import confine; confine(60); {told}"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["NoNewPrivs:", "1"]
