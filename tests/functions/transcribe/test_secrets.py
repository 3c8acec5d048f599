"""A decoder that was taken over leaves a grandchild behind, which reads what every process of its user lets it read.

All processes run without any rights of root, as an ordinary user's do.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functions.transcribe.test_worker import POWERLESS
from whyviral.integrations.youtube.ytdlp import session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

_SECRETS = {
    "SUPABASE_DB_URL": "postgresql://someone:loot-1@127.0.0.1:9/none",
    "SUPABASE_SECRET_KEY": "loot-2",
    "TASK_TOKEN": "loot-3",
    "AWS_SECRET_ACCESS_KEY": "loot-4",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/loot-5",
    "HF_TOKEN": "loot-6",
    "A_SECRET_OF_NEXT_YEAR": "loot-7",
}
_GRANDCHILD = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[2])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        (folder.parent / "grandchild").write_text(str(os.getpid()))
        for _ in range(3_000):
            for name in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    environment = Path("/proc", name, "environ").read_bytes()
                except OSError:
                    continue
                if b"loot-" in environment:
                    (folder.parent / "loot").write_bytes(environment)
            time.sleep(0.01)
    os._exit(0)
os.wait()
while not (folder.parent / "grandchild").exists():
    time.sleep(0.01)
"""
_WORKER = """
import sys
from contextlib import suppress
from pathlib import Path
from functions.transcribe.deadline import Deadline
from functions.transcribe.decoder import hardening, isolated_decoder
from functions.transcribe.decoder.container import UnreadableMedia
from functions.transcribe.settings import remove_secrets_from_environment
hardening.disable_ptrace()
hardening.adopt_descendants()
remove_secrets_from_environment()
isolated_decoder._ROOT = Path(sys.argv[1])
folder = Path(sys.argv[1]) / "job"
folder.mkdir()
with suppress(UnreadableMedia):
    isolated_decoder.decode(folder / "medium", folder, deadline=Deadline(60))
hardening.end_descendants()
from yt_dlp.utils import Popen
import whyviral.integrations.youtube.ytdlp.session
with Popen([sys.argv[2], "run", "-"], text=True, env=None) as deno:
    deno.wait()
"""
_DENO = '#!/bin/sh\ntr "\\\\0" "\\\\n" < /proc/$$/environ > "${0%/*}/environment"\nsleep 1\n'


def _run_powerless(program: str, *arguments: str, variables: Mapping[str, str]) -> None:
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "PYTHONPATH": path, **variables}
    subprocess.run([sys.executable, "-c", POWERLESS, "-c", program, *arguments], env=environment, check=True)


def test_a_grandchild_of_the_decoder_reads_no_secret(tmp_path: Path) -> None:
    """The decoder is replaced by the attacker's program, and not isolated: these guards hold without that one."""
    package = tmp_path / "functions" / "transcribe" / "decoder"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "examination.py").write_text(_GRANDCHILD)
    deno = tmp_path / "deno"
    deno.write_text(_DENO)
    deno.chmod(0o755)

    _run_powerless(_WORKER, str(tmp_path), str(deno), variables=_SECRETS)

    assert not (tmp_path / "loot").exists()
    grandchild = int((tmp_path / "grandchild").read_text())
    assert not Path(f"/proc/{grandchild}").exists()
    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().split()}
    assert names == {"HOME", "DENO_NO_UPDATE_CHECK", "NO_COLOR"}


def test_the_environment_of_a_worker_holds_no_secret_once_it_is_loaded(tmp_path: Path) -> None:
    program = """
import os, sys
from functions.transcribe.settings import WorkerSettings, remove_secrets_from_environment
settings = WorkerSettings.load()
remove_secrets_from_environment()
assert settings.supabase_secret_key.get_secret_value() == "loot-2"
open(sys.argv[1], "w").write(repr(dict(os.environ)))
"""

    _run_powerless(
        program,
        str(tmp_path / "environment"),
        variables={**_SECRETS, "SUPABASE_URL": "https://project.supabase.co", "AWS_REGION": "eu-central-1"},
    )

    environment = (tmp_path / "environment").read_text()
    assert "loot-" not in environment
    assert "eu-central-1" in environment


def test_yt_dlp_starts_no_program_but_deno() -> None:
    Popen = vars(session)["programs"].Popen  # noqa: N806 - yt-dlp's class, which has no types

    with pytest.raises(FileNotFoundError, match="no program but Deno"):
        Popen([sys.executable, "-c", "pass"])
    with pytest.raises(FileNotFoundError, match="no program but Deno"):
        Popen("deno run -")
