"""`make ask URL=…`: analyses a post on the running system, with live progress, and shows the result."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from local.terminal.api_client import ApiClient
from local.terminal.report import is_whole, plain, report_request, show_report


def ask(client: ApiClient, url: str, console: Console) -> int:
    """Analyse the post, show its steps as they come and then the result; returns 1 if it has no analysis.

    Raises:
        CallRefused: the API rejected the URL; the message says why.
    """
    (request_id,) = client.analyse([url])
    try:
        _show_steps(client, request_id, console)
    except KeyboardInterrupt:
        console.print(plain(f"The analysis goes on without you: request {request_id}.", style="yellow"))
        raise
    request: dict[str, Any] = report_request(client, client.get_request(request_id))
    show_report(request, console)
    if not is_whole(request):
        return 1
    console.print(plain("Ask why, how and what next: make chat", style="dim"))
    return 0


def _show_steps(client: ApiClient, request_id: str, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("waiting")
        for step in client.follow_request(request_id):
            progress.update(task, completed=step["progress"], description=step["stage"])
            progress.console.print(plain(f"{step['progress']:>3} %  {step['message']}", style="dim"))
