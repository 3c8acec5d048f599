"""`make chat`: what the terminal shows of an answer, and what Ctrl-C stops."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.stack.data_folder import locked
from local.stack.errors import StackError
from local.stack.system import ROOT
from local.terminal.api_client import ApiClient, api_client
from local.terminal.chat import chat
from tests.fixtures.waits import WAIT_S, wait_until
from tests.local.terminal.fake_api import DONE, FakeApi, serving


def token(seq: int, text: str) -> tuple[str, dict[str, Any]]:
    return "token", {"text": text, "seq": seq}


def converse(api: FakeApi, questions: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask the questions and return what the terminal shows."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{question}\n" for question in questions)))
    shown = io.StringIO()
    with serving(api) as url, api_client(url, "token") as client:
        quick = ApiClient(client.http, sleep=lambda _: None)
        assert chat(quick, Console(file=shown, width=200)) == 0
    return shown.getvalue()


def test_an_answer_is_shown_piece_by_piece_with_its_line_separators(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(answers={"why?": [token(1, "Because "), token(2, "of\u2028the hook [F1]."), ("done", DONE)]})

    shown = converse(api, ["", "why?"], monkeypatch)

    assert "About https://x.com/i/status/20, 2 messages so far." in shown
    assert "Because of\u2028the hook [F1].\n" in shown
    assert [body["content"] for body in api.asked] == ["why?"]


def test_an_answer_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(answers={"why?": [token(1, "\x1b[2J\x9b31m[red]plain[/red]\x07"), ("done", DONE)]})

    shown = converse(api, ["why?"], monkeypatch)

    assert "[2J31m[red]plain[/red]" in shown
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)


def test_a_lost_stream_is_continued_without_a_lost_or_doubled_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(answers={"why?": [token(1, "one "), ("break", {}), token(2, "two"), ("done", DONE)]})

    shown = converse(api, ["why?"], monkeypatch)

    assert "one two\n" in shown
    first, second = api.asked
    assert first == second


def test_a_refusal_and_a_failure_are_shown_and_the_conversation_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = {"error": "The model broke off.", "code": "answer_failed", "request_id": "1"}
    partial = {"message": {"is_partial": True, "is_stand_in": True}}
    api = FakeApi(
        answers={"fail": [token(1, "half"), ("error", failure)], "cut": [token(1, "half"), ("done", partial)]}
    )

    shown = converse(api, ["too many", "fail", "cut"], monkeypatch)

    assert "Your plan allows no more questions today." in shown
    assert "half\nThe model broke off." in shown
    assert "half\n[cut off] [from a stand-in, not from a model]" in shown


def test_a_question_waits_while_a_stopped_answer_is_still_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(answers={"why?": [token(1, "Because."), ("done", DONE)]}, busy=2)

    shown = converse(api, ["why?"], monkeypatch)

    assert shown.count("waiting for its end") == 1
    assert "Because." in shown
    assert len(api.asked) == 3


def test_a_conversation_needs_an_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StackError, match="make ask URL="):
        converse(FakeApi(has_analysis=False), ["why?"], monkeypatch)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """The folder of a system that seems to be running."""
    with locked(tmp_path):
        yield tmp_path


def test_control_c_stops_the_answer_and_not_the_program(data: Path) -> None:
    endless = [token(1, "It never ends.")]
    api = FakeApi(answers={"endless": endless, "short": [token(1, "It ends."), ("done", DONE)]})
    with serving(api) as url:
        (data / "run.json").write_text(json.dumps({"api": url, "token": "token"}))
        terminal = Terminal(data)
        terminal.wait_for("you>")
        terminal.type("endless\n")
        terminal.wait_for("It never ends.")

        terminal.type("\x03")

        terminal.wait_for("[stopped]")
        assert api.left.wait(WAIT_S)
        terminal.type("\x03")  # at the prompt it only explains itself
        terminal.wait_for("Ctrl-D ends the conversation.", times=2)
        terminal.type("short\n")
        terminal.wait_for("It ends.")
        terminal.wait_for("you>", times=4)
        terminal.type("\x04")
        assert terminal.process.wait(WAIT_S) == 0


class Terminal:
    """`python -m local chat` in a terminal of its own."""

    def __init__(self, data: Path) -> None:
        self._master, slave = pty.openpty()
        self._shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "chat", "--data", data],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - the test has no other thread that forks
            env=os.environ | {"TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until the terminal has shown the text this many times."""

        def is_shown() -> bool:
            try:
                self._shown += os.read(self._master, 65_536).decode()
            except (BlockingIOError, OSError):
                assert self.process.poll() is None or self._shown.count(text) >= times, self._shown
            return self._shown.count(text) >= times

        wait_until(is_shown)


def _take_terminal() -> None:
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell starts background jobs, such as these tests, without it
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
