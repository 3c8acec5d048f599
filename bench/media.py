"""The transfer of media from a host to storage on this machine: throughput and memory.

`python -m bench.media URL` is the measured process, which collects from the stand-ins at URL.
"""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.measurement import Measurement
from local.stand_ins.server.stand_in_server import running
from local.stand_ins.supabase.routes import SECRET_KEY
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.integrations.ports.media_store import path_of
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.social.media.download import Downloader
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.calls import CallCollector

_MB = 1_000_000
_LARGE_MB = 200
_GROWTH_MB = 150
_HOST = "video.twimg.com"


def measure() -> list[Measurement]:
    """Measure how a separate process collects a small file and then a large one."""
    with running() as stand_ins:
        for name, size_mb in (("small.mp4", 1), ("large.mp4", _LARGE_MB)):
            start = "\0\0\0\x18ftypisom".ljust(_MB, "\0")
            answer = {"address": f"{_HOST}/{name}", "body": start, "repeat": size_mb}
            httpx.post(f"{stand_ins.url}/__control/media", json=answer, timeout=30).raise_for_status()
        command = [sys.executable, "-m", "bench.media", stand_ins.url]
        figures = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return [
        Measurement("media from a host to storage", figures["mb_a_second"], "MB/s"),
        Measurement(f"memory for a file of {_LARGE_MB} MB", figures["growth_mb"], "MB", at_most=_GROWTH_MB),
    ]


def _collect(stand_ins_url: str) -> dict[str, float]:
    endpoints.use(Endpoints(stand_ins=frozenset({"supabase"})))
    downloader = Downloader(GuardedHttp(), gateway_url=f"{stand_ins_url}/media")
    _transfer(downloader, stand_ins_url, "small.mp4")  # triggers the lazy imports
    before_mb = _peak_mb()
    started_mono_s = time.monotonic()
    size_bytes = _transfer(downloader, stand_ins_url, "large.mp4")
    seconds = time.monotonic() - started_mono_s
    return {"mb_a_second": size_bytes / _MB / seconds, "growth_mb": _peak_mb() - before_mb}


def _transfer(downloader: Downloader, stand_ins_url: str, name: str) -> int:
    store = SupabaseMediaStore(f"{stand_ins_url}/supabase", SECRET_KEY, calls=CallCollector())
    with tempfile.TemporaryFile() as file:
        found = downloader.download(
            f"https://{_HOST}/{name}",
            file,
            platform=Platform.X,
            kind=MediaKind.VIDEO,
            is_stand_in=True,
            now=datetime.now(UTC),
            ends_at=time.monotonic() + 120,
        )
        path = path_of("x", uuid.uuid4(), sha256=found.sha256, suffix="mp4")
        store.put(path, file, content_type=found.type.content_type)
    return found.size_bytes


def _peak_mb() -> float:
    """Return the peak memory of this process; the figure of `getrusage` would include the parent's."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / _MB


if __name__ == "__main__":
    print(json.dumps(_collect(sys.argv[1])))
