"""`make chat`: a conversation about the newest analysis, in the terminal."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from local.stack.errors import StackError
from local.terminal.api_client import ApiClient, CallRefused, Event
from local.terminal.report import plain

_BUSY = "chat_busy"
_BUSY_RETRY_S = 1.0
_MAX_BUSY_RETRIES = 60
"""An answer that is stopped here goes on for up to 30 seconds there, in case its reader comes back."""
_HELP = "Ctrl-C stops an answer. Ctrl-D ends the conversation."


def chat(client: ApiClient, console: Console) -> int:
    """Ask questions about the newest analysis until the input ends.

    Raises:
        StackError: there is no analysis to talk about.
    """
    request = client.find_latest_request()
    if request is None:
        raise StackError("there is no analysis to talk about; make one first: make ask URL=https://…")
    session = client.open_session(_newest_analysis(request)["id"])
    console.print(
        plain(f"About {session['post_url']}, {session['message_count']} messages so far. {_HELP}", style="dim")
    )
    while (question := _read_question(console)) is not None:
        if question:
            _answer(client, session["id"], question, console)
    return 0


def _newest_analysis(request: dict[str, Any]) -> dict[str, Any]:
    analysis: dict[str, Any] = request["post_analyses"][-1]
    return analysis


def _read_question(console: Console) -> str | None:
    """Return the next question; empty after Ctrl-C, None at the end of the input."""
    try:
        return console.input("[bold]you>[/bold] ").strip()
    except KeyboardInterrupt:
        console.print(plain(f"\n{_HELP}", style="dim"))
        return ""
    except EOFError:
        console.print()
        return None


def _answer(client: ApiClient, session_id: str, question: str, console: Console) -> None:
    """Print the answer as it arrives. A refusal and Ctrl-C end the answer, not the conversation."""
    try:
        for event in _events(client, session_id, question, console):
            _show(event, console)
    except KeyboardInterrupt:
        console.print(plain("\n[stopped]", style="yellow"))
    except CallRefused as exc:
        console.print(plain(str(exc), style="red"))


def _events(client: ApiClient, session_id: str, question: str, console: Console) -> Iterator[Event]:
    """Ask, and ask again while an answer that was stopped is still being written."""
    for retries in range(_MAX_BUSY_RETRIES + 1):
        try:
            yield from client.ask(session_id, question)
        except CallRefused as exc:
            if exc.code != _BUSY or retries == _MAX_BUSY_RETRIES:
                raise
            if retries == 0:
                console.print(plain("The stopped answer is still being written; waiting for its end.", style="dim"))
            client.sleep(_BUSY_RETRY_S)
        else:
            return


def _show(event: Event, console: Console) -> None:
    match event.name:
        case "token":
            console.print(plain(event.data["text"]), end="", soft_wrap=True)
        case "done":
            message = event.data["message"]
            notes = [
                *(["[cut off]"] if message["is_partial"] else []),
                *(["[from a stand-in, not from a model]"] if message["is_stand_in"] else []),
            ]
            console.print()
            if notes:
                console.print(plain(" ".join(notes), style="dim"))
        case "error":
            console.print()
            console.print(plain(event.data["error"], style="red"))
