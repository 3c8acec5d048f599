"""The commands of `python -m local`: their output, and that no process outlives them."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from local.demo import SAMPLE_URLS
from local.stack.system import ROOT
from tests.behaviour.command import LOCAL, environment_of, free_port, running_command, tree_of
from tests.behaviour.system import wait_for_end
from tests.fixtures.waits import WAIT_S, wait_until

SAMPLE = "https://x.com/jack/status/20"


def _is_free(url: str) -> bool:
    try:
        httpx.get(url, timeout=WAIT_S)
    except httpx.TransportError:
        return True
    return False


def _are_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=WAIT_S)[1]


def _analyse(ready: dict[str, Any], url: str) -> dict[str, Any]:
    with httpx.Client(
        base_url=ready["api"], headers={"Authorization": f"Bearer {ready['token']}"}, timeout=WAIT_S
    ) as api:
        accepted = api.post("/api/analysis/analyze", json={"post_urls": [url]}).raise_for_status().json()
        return wait_for_end(api, accepted["requests"][0]["id"])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of the processes that the test starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_the_running_system_is_small_and_an_interrupt_ends_every_process(tmp_path: Path, temporary: Path) -> None:
    with running_command(tmp_path / "data") as (process, ready):
        run_file = tmp_path / "data" / "run.json"
        assert (run_file.read_text(), run_file.stat().st_mode & 0o777) == (json.dumps(ready) + "\n", 0o600)
        assert set(ready) == {"api", "stand_ins", "database_url", "token", "console"}
        assert _analyse(ready, SAMPLE)["status"] == "COMPLETED"
        processes = tree_of(process)
        assert sum(each.memory_full_info().pss for each in processes) < 1_000_000_000
        second = _run("run", "--port", str(free_port()), "--data", str(tmp_path / "data"))
        assert (second.returncode, "already running" in second.stderr) == (1, True)

        process.send_signal(signal.SIGINT)

        assert _are_gone(processes)
        assert process.wait() == 0
    assert _is_free(ready["api"])
    assert _is_free(ready["stand_ins"])
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "data" / "run.json").exists()


def test_a_killed_system_leaves_no_process_or_file_behind_and_keeps_its_data(tmp_path: Path, temporary: Path) -> None:
    with running_command(tmp_path / "data") as (process, ready):
        before = _analyse(ready, SAMPLE)
        processes = tree_of(process)
        assert len(processes) > 8

        process.kill()

        assert _are_gone(processes)
        assert _is_free(ready["api"])
        assert list(temporary.iterdir()) == []
    with running_command(tmp_path / "data") as (process, ready):
        headers = {"Authorization": f"Bearer {ready['token']}"}
        after = httpx.get(f"{ready['api']}/api/analysis/requests/{before['id']}/", headers=headers).json()
        assert after == before
        processes = tree_of(process)

        process.send_signal(signal.SIGTERM)

        assert _are_gone(processes)


def test_a_killed_database_server_is_restarted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_command(data) as (process, ready):
        (server,) = (each for each in tree_of(process) if str(data / "postgres") in each.cmdline())

        server.kill()

        assert _are_gone([server])
        headers = {"Authorization": f"Bearer {ready['token']}"}
        wait_until(lambda: httpx.get(f"{ready['api']}/api/analysis/requests/", headers=headers, timeout=30).is_success)
        assert _analyse(ready, SAMPLE)["status"] == "COMPLETED"


def test_a_killed_make_takes_the_system_with_it(tmp_path: Path) -> None:
    make = ["make", "run", f"PORT={free_port()}", f"DATA={tmp_path / 'data'}"]
    with running_command(tmp_path / "data", make) as (process, ready):
        processes = tree_of(process)
        assert len(processes) > 4

        process.kill()

        assert _are_gone(processes)
    assert _is_free(ready["api"])


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        done = _run("run", "--port", str(port), "--data", str(tmp_path / "data"))

    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"CLERK_SECRET_KEY": "sk_test_x"}, "CLERK_SECRET_KEY is set but CLERK_PUBLISHABLE_KEY is not"),
        ({"SUPABASE_DB_URL": "postgresql://unused@127.0.0.1:9/unused"}, "host and port of SUPABASE_DB_URL"),
        ({"SUPABASE_DB_URL": "mysql://unused@127.0.0.1:9/unused"}, "SUPABASE_DB_URL cannot be used"),
    ],
)
def test_invalid_settings_are_reported(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    done = _run("run", "--port", str(free_port()), "--data", str(tmp_path / "data"), environment=settings)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_writes_a_report_of_its_analyses(tmp_path: Path) -> None:
    photo, captioned = "https://www.instagram.com/p/Hinvent0001/", "https://www.youtube.com/watch?v=invented-L1"
    done = _run("demo", SAMPLE, photo, captioned, "--data", str(tmp_path / "demo"))

    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["stand_ins"] == ["brightdata", "clerk", "dodo", "gemini", "supabase", "twitterapi", "youtube"]
    assert [request["platform"] for request in report["requests"]] == ["instagram", "x", "youtube"]
    for request in report["requests"]:
        assert request["status"] == "COMPLETED"
        assert request["duration_seconds"] > 0
        assert (request["cost_usd"] > 0) is (request["platform"] != "youtube")  # no model is asked
        assert request["stages"][0] == "request_created"
        assert request["stages"][-1] == "analysis_complete"
        [post] = request["posts"]
        assert post["is_viral"] is not None
        assert len(post["analysis"]["suggestions_for_future_posts"]) == 4
        assert post["analysis"]["metadata_used"]["model"] == "computed from measurements, no model was asked"
        assert all(
            claim["evidence"] or claim["kind"] == "inference" for claim in post["analysis"]["analysis_data"]["claims"]
        )
    assert "stand-ins" in done.stdout
    assert "Evidence:" in done.stdout


@pytest.mark.proof
def test_the_demo_analyses_and_transcribes_every_sample(tmp_path: Path) -> None:
    done = _run("demo", "--data", str(tmp_path / "demo"))

    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    *samples, of_handle = report["requests"]
    heard = {post["url"]: post["has_speech"] for request in samples for post in request["posts"]}
    assert len(heard) == len(SAMPLE_URLS)
    assert list(heard.values()).count(True) == 4
    assert list(heard.values()).count(False) == 3
    assert (of_handle["handle"], len(of_handle["posts"])) == ("invented_kites", 2)
    for place, post in enumerate(of_handle["posts"], start=1):
        used = post["analysis"]["metadata_used"]
        facts = {fact["name"]: fact["value"] for fact in used["facts"]}
        assert facts["baseline_place"] == place
        assert used["verdict"]["n"] == facts["baseline_n"] >= 20
    assert "times the median views of" in done.stdout


def test_the_demo_explains_from_measurements_what_a_retired_model_does_not(tmp_path: Path) -> None:
    retired = {
        "AI_PROVIDER": "gemini",
        "GEMINI_MODEL": "gemini-2.0-flash",
        "GEMINI_FALLBACK_MODEL": "gemini-2.0-flash",
    }

    done = _run("demo", SAMPLE, "--data", str(tmp_path / "demo"), environment=retired)

    assert done.returncode == 0, done.stdout
    [request] = json.loads((tmp_path / "demo" / "report.json").read_text())["requests"]
    [post] = request["posts"]
    assert request["stages"][-1] == "partial_success"
    assert "retired" in post["error"]
    assert post["analysis"]["metadata_used"]["provider"] == "measured"


def test_the_demo_fails_when_a_post_has_no_analysis(tmp_path: Path) -> None:
    done = _run("demo", "https://x.com/jack/status/21", "--data", str(tmp_path / "demo"))

    assert done.returncode == 1
    assert "not_found" in done.stdout, done.stdout


def test_a_token_needs_a_running_system() -> None:
    done = _run("token", "a@b.example")

    assert done.returncode == 1
    assert "is not running" in done.stderr


def _run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOCAL, *arguments],
        cwd=ROOT,
        env=environment_of(environment),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
