"""The one program that yt-dlp may start: Deno, for the script of YouTube's player."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yt_dlp.utils import Popen

_start_program = Popen.__init__
_JS_RUNTIME = "deno"


def _start_js_runtime(
    self: Popen, command: Any, *arguments: Any, env: Mapping[str, str] | None = None, **options: Any
) -> None:
    """Start Deno with an environment of its own, and refuse any other program, such as ffmpeg or a downloader.

    yt-dlp would pass on the worker's whole environment, which other processes of the same user can read. Deno runs the
    script of YouTube's player without network access: it needs neither a proxy nor a name of a server.
    """
    del env
    program = command[0] if isinstance(command, list | tuple) and command else ""
    if Path(str(program)).name != _JS_RUNTIME or options.get("shell"):
        raise FileNotFoundError(errno.ENOENT, "yt-dlp may start no program but Deno")
    own = {"HOME": os.environ.get("HOME", "/"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    _start_program(self, command, *arguments, env=own, **options)


def allow_deno_only() -> None:
    """Replace the start of programs in yt-dlp itself: all of them go through `Popen`, and yt-dlp offers no option."""
    Popen.__init__ = _start_js_runtime
