"""Checks of the Dockerfile that need no Docker."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_DOCKERFILE = _ROOT / "functions" / "transcribe" / "Dockerfile"

_WRITABLE = "/tmp"  # noqa: S108 - in the image, which only the worker uses

type Instruction = tuple[str, str]


def _instructions() -> list[Instruction]:
    """The instructions with their arguments, with continued lines joined and comments removed."""
    lines = [line for line in _DOCKERFILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def _arguments(name: str) -> list[str]:
    return [arguments for instruction, arguments in _instructions() if instruction == name]


def _copied_from_here() -> list[tuple[list[str], str]]:
    """The sources in the repository and the target of every COPY from the repository."""
    copies = [arguments.split() for arguments in _arguments("COPY") if "--from=" not in arguments]
    return [(words[:-1], words[-1]) for words in copies]


def test_only_instructions_that_docker_knows_are_used() -> None:
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "ENTRYPOINT"}

    assert {name for name, _ in _instructions()} == known


def test_every_base_image_is_pinned_to_a_version() -> None:
    stages = [re.fullmatch(r"(\S+)(?: AS (\S+))?", arguments) for arguments in _arguments("FROM")]
    names = {stage[2] for stage in stages if stage}
    images = [stage[1] for stage in stages if stage and stage[1] not in names and stage[1] != "base-${DEVICE}"]

    assert len(images) == 3
    for image in images:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", image), image
    assert {"base-cpu", "base-cuda"} <= names


def test_every_copied_path_exists_and_is_not_ignored() -> None:
    ignore = (_DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]

    sources = [source for sources, _ in _copied_from_here() for source in sources]

    assert [source for source in sources if not (_ROOT / source).exists()] == []
    assert sorted(sources) == sorted(allowed)
    assert "*" in ignore
    assert [secret for secret in (".env", ".local", "tests") if any(fnmatch(secret, one) for one in allowed)] == []


def test_packages_are_installed_from_the_lock_with_its_hashes() -> None:
    installs = [command for run in _arguments("RUN") for command in run.split("&&") if "pip install" in command]

    assert len(installs) == 2
    assert all("--require-hashes" in command for command in installs)
    assert [re.findall(r"-r (\S+)", command) for command in installs] == [["uv.txt"], ["transcribe.txt"]]


def test_the_container_does_not_run_as_root_and_writes_only_to_tmp() -> None:
    environment = dict(pair.split("=", 1) for pair in " ".join(_arguments("ENV")).split())

    assert _instructions()[-2] == ("USER", "10001:10001")
    assert (environment["HOME"], environment["XDG_CACHE_HOME"]) == (_WRITABLE, f"{_WRITABLE}/cache")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert _arguments("VOLUME") == [_WRITABLE]


def test_the_container_user_can_read_files_copied_with_private_modes() -> None:
    *before, (_, last_run) = [(name, arguments) for name, arguments in _instructions() if name in ("COPY", "RUN")]

    assert "chmod -R a+rX /app" in last_run
    assert before[-1][0] == "COPY"


def test_weights_are_downloaded_at_build_time_and_not_at_run_time() -> None:
    environment = dict(pair.split("=", 1) for pair in " ".join(_arguments("ENV")).split())
    (download,) = [run for run in _arguments("RUN") if "download_model" in run]

    assert environment["HF_HUB_OFFLINE"] == "1"
    assert f"output_dir='{environment['WHISPER_MODEL']}'" in download
    assert "WHISPER_MODEL=small" in _arguments("ARG")


def test_the_image_has_the_database_certificates_at_the_same_path_as_a_function() -> None:
    assert (["layers/common"], "/app/") in _copied_from_here()
    assert "ln -s /app/certificates /opt/certificates" in _arguments("RUN")


def test_no_secret_is_built_into_the_image() -> None:
    text = _DOCKERFILE.read_text().lower()

    assert [word for word in ("secret", "token", "password", "api_key") if word in text] == []


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app as in the image."""
    root = tmp_path_factory.mktemp("image")
    for sources, target in _copied_from_here():
        if target.startswith("/app"):
            (source,) = sources
            place = root / target.removeprefix("/app/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if (_ROOT / source).is_dir():
                shutil.copytree(_ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copy(_ROOT / source, place)
    return root


def _run_as_in_the_image(application: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -S disables the link from this environment to the checkout, so that only copied files can be imported.
    path = os.pathsep.join((str(application), sysconfig.get_path("purelib")))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=application,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_copied_files_are_all_that_the_worker_imports(application: Path) -> None:
    (entry_point,) = _arguments("ENTRYPOINT")
    python, *arguments = json.loads(entry_point)

    started = _run_as_in_the_image(application, *arguments)
    imported = _run_as_in_the_image(
        application, "-c", "import functions.transcribe.wiring as a, whyviral; print(a.__file__, whyviral.__file__)"
    )

    assert python == "python"
    assert "cannot start, check these settings: SUPABASE_DB_URL" in started.stderr
    assert imported.returncode == 0, imported.stderr
    assert all(path.startswith(str(application)) for path in imported.stdout.split())


def test_the_image_has_every_package_that_the_worker_imports() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (_ROOT / "requirements" / "transcribe.txt").read_text(), re.MULTILINE))

    needed = {"av", "faster-whisper", "numpy", "scenedetect-headless", "opencv-python-headless", "boto3", "yt-dlp"}
    assert needed | {"deno", "storage3", "sqlalchemy", "pg8000", "aws-lambda-powertools"} <= locked
