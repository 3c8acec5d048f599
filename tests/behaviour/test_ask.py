"""`make ask` against the running system."""

import io
import re

import pytest
from rich.console import Console

from local.terminal.api_client import ApiClient, CallRefused
from local.terminal.ask import ask
from local.terminal.chat import chat
from tests.behaviour.system import System


def shown_by(system: System, url: str) -> tuple[int, str]:
    shown = io.StringIO()
    status = ask(ApiClient(system.api), url, Console(file=shown, width=120))
    return status, shown.getvalue()


def test_a_post_is_analysed_with_its_steps_and_its_result(system: System) -> None:
    status, shown = shown_by(system, "https://x.com/jack/status/20")

    assert status == 0
    steps = re.findall(r"^ *\d+ %  (.+?) *$", shown, re.MULTILINE)
    (request,) = system.api.get("/api/analysis/requests/").json()["results"]
    history = system.api.get(f"/api/analysis/requests/{request['id']}/").json()["status_history"]
    assert steps == [step["message"] for step in history]
    assert "https://x.com/i/status/20" in shown
    assert "Formula:" in shown
    assert "make chat" in shown


def test_a_wrong_url_is_refused_with_the_reason(system: System) -> None:
    with pytest.raises(CallRefused) as refusal:
        shown_by(system, "https://example.com/nothing")

    assert "https://example.com/nothing: " in str(refusal.value)


def test_a_post_that_does_not_exist_fails_with_its_reason(system: System) -> None:
    status, shown = shown_by(system, "https://x.com/jack/status/404404404404404404")

    assert status == 1
    assert "not_found" in shown


def test_a_conversation_continues_the_newest_analysis(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    shown_by(system, "https://x.com/jack/status/20")
    monkeypatch.setattr("sys.stdin", io.StringIO("Why did it work?\nWhat should I post next?\n"))
    shown = io.StringIO()

    status = chat(ApiClient(system.api), Console(file=shown, width=120))

    (session,) = system.api.get("/api/analysis/chat/sessions/list/").json()["results"]
    assert (status, session["message_count"]) == (0, 4)
    assert session["last_message"]["content"].splitlines()[0][:60] in shown.getvalue()
    assert shown.getvalue().count("[from a stand-in, not from a model]") == 2
