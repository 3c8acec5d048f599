"""The command line of the local system, which the Makefile calls: run, demo, ask, chat, token, webhook and others."""

import argparse
import json
import shutil
import signal
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from local.private_file import write_private
from local.processes.lifetime import end_with_parent
from local.stack.configuration import read_user_settings
from local.stack.data_folder import is_running
from local.stack.errors import StackError
from local.stack.system import DATA, ROOT, running

RUN_FILE = "run.json"
_CHECK_INTERVAL_S = 0.5


def main() -> int:
    """Run one command and return the exit status."""
    # If make is killed, no other process would stop this one.
    end_with_parent(signal.SIGTERM)
    arguments = _parse()
    try:
        return int(arguments.command(arguments))
    except StackError as exc:
        print(f"whyviral: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description="whyviral on one machine.")
    parser.add_argument("--env-file", type=Path, default=ROOT / ".env", help="settings that the environment lacks")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the whole system")
    run.add_argument("--port", type=int, default=8000, help="the API's port; 0 for any free port")
    run.add_argument("--data", type=Path, default=DATA, help="the folder for the database and the logs")
    run.set_defaults(command=_run)
    demo = commands.add_parser("demo", help="start the system, analyse posts, write a report, stop")
    demo.add_argument("urls", nargs="*", help="posts to analyse; without any, the sample posts")
    demo.add_argument("--data", type=Path, default=DATA / "demo", help="the folder for the report, database and logs")
    demo.set_defaults(command=_demo)
    ask = commands.add_parser("ask", help="analyse a post on the running system, with live progress")
    ask.add_argument("url", help="the post")
    ask.set_defaults(command=_ask)
    chat = commands.add_parser("chat", help="talk about the newest analysis of the running system")
    chat.set_defaults(command=_chat)
    admin = commands.add_parser("admin", help="make a user an administrator, and print the address of the admin panel")
    admin.add_argument("email", help="the user's e-mail address")
    admin.set_defaults(command=_admin)
    for with_data in (ask, chat, admin):
        with_data.add_argument("--data", type=Path, default=DATA, help="the folder of the running system")
    token = commands.add_parser("token", help="print a session token for the running system")
    token.add_argument("email", help="the user's e-mail address; the user is created if there is none")
    token.set_defaults(command=_token)
    webhook = commands.add_parser("webhook", help="send a signed sample webhook of Clerk or Dodo to the running system")
    webhook.add_argument("event", help="such as user.created, session.revoked, subscription.active or payment.failed")
    webhook.add_argument("--email", default="webhook@whyviral.example", help="the user that the event is about")
    webhook.set_defaults(command=_webhook)
    retention = commands.add_parser("retention", help="delete expired records from the running system's database")
    retention.set_defaults(command=_retention)
    reconcile = commands.add_parser("reconcile", help="compare billing with Dodo, and print or repair the differences")
    reconcile.add_argument("--days", type=int, default=35, help="how far back payments and refunds are compared")
    reconcile.add_argument("--repair", action="store_true", help="change our rows to what Dodo says")
    reconcile.set_defaults(command=_reconcile)
    commands.add_parser("reset", help="delete all local data").set_defaults(command=_reset)
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    data: Path = arguments.data
    with running(data, port=arguments.port, user_settings=_settings(arguments), report=_report) as stack:
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, stop)
        ready = json.dumps(stack.ready.as_dict())
        write_private(data / RUN_FILE, ready + "\n")  # it holds a token and the database's password
        try:
            print(f"READY {ready}", flush=True)
            if stack.stand_in_vendors:
                vendors = ", ".join(sorted(stack.stand_in_vendors))
                _report(f"stand-ins replace {vendors}; set a vendor's key in .env to use the real one")
            _report(f"API documentation: {stack.ready.api}/docs; logs: {stack.logs}; Ctrl-C stops the system")
            while not stopped.wait(_CHECK_INTERVAL_S):
                stack.check()
        finally:
            (data / RUN_FILE).unlink(missing_ok=True)
            _report("stopping")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from local import demo  # noqa: PLC0415 - only this command needs rich

    return demo.run(arguments.urls, data=arguments.data, user_settings=_settings(arguments))


def _ask(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from local.terminal.api_client import api_client  # noqa: PLC0415
    from local.terminal.ask import ask  # noqa: PLC0415

    if not arguments.url:
        raise StackError("name the post: make ask URL=https://…")
    ready = _ready(arguments.data)
    with api_client(ready["api"], _demo_token(ready)) as client:
        return ask(client, arguments.url, Console())


def _chat(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from local.terminal.api_client import api_client  # noqa: PLC0415
    from local.terminal.chat import chat  # noqa: PLC0415

    ready = _ready(arguments.data)
    with api_client(ready["api"], _demo_token(ready)) as client:
        return chat(client, Console())


def _demo_token(ready: dict[str, Any]) -> str:
    if ready["token"] is None:
        raise StackError("the running system uses the real Clerk, so this command cannot sign in; use your frontend")
    token: str = ready["token"]
    return token


def _token(arguments: argparse.Namespace) -> int:
    from local.stack.accounts import create_token  # noqa: PLC0415

    email = _require_email(arguments.email, example="make token USER=you@example.com")
    ready = _ready()
    if ready["token"] is None:
        raise StackError("the running system uses the real Clerk; sign in through your frontend to get a token")
    print(create_token(ready["stand_ins"], email)[0])
    return 0


def _webhook(arguments: argparse.Namespace) -> int:
    from local.stack.dodo_events import is_event_of_dodo  # noqa: PLC0415

    email = _require_email(arguments.email, example="make webhook EVENT=user.created USER=you@example.com")
    event: str = arguments.event
    if not event:
        raise StackError("name the event: make webhook EVENT=user.created")
    status = _send_dodo_event(event, email) if is_event_of_dodo(event) else _send_clerk_event(event, email)
    print(f"{event} about {email}: the system answered with HTTP status {status}")
    return 0 if status == HTTPStatus.OK else 1


def _send_clerk_event(event: str, email: str) -> int:
    from local.stack.clerk_events import send_sample  # noqa: PLC0415

    ready = _ready()
    if ready["token"] is None:
        raise StackError("the running system uses the real Clerk, which alone can sign its webhooks")
    return send_sample(ready["stand_ins"], ready["api"], event, email)


def _send_dodo_event(event: str, email: str) -> int:
    from httpx import HTTPStatusError  # noqa: PLC0415

    from local.stack.accounts import user_id_of  # noqa: PLC0415
    from local.stack.dodo_events import send_sample  # noqa: PLC0415

    ready = _ready()
    user_id = None  # with the real Clerk, the address alone leads to the user
    if ready["token"] is not None:
        user_id = str(user_id_of(ready["stand_ins"], ready["api"], ready["database_url"], email))
    try:
        return send_sample(ready["stand_ins"], event, email, user_id)
    except HTTPStatusError as exc:
        if exc.response.status_code == HTTPStatus.CONFLICT:
            raise StackError("the running system uses the real Dodo, which alone can sign its webhooks") from exc
        raise StackError(f"the stand-in cannot send {event}: {exc.response.text}") from exc


def _retention(arguments: argparse.Namespace) -> int:
    from local.stack.retention import clean  # noqa: PLC0415

    print(json.dumps(clean(_ready()["database_url"], _settings(arguments))))
    return 0


def _reconcile(arguments: argparse.Namespace) -> int:
    from local.stack.reconciliation import reconcile  # noqa: PLC0415

    ready = _ready() if is_running(DATA) else None
    results, differences = reconcile(_settings(arguments), ready, days=arguments.days, repairs=arguments.repair)
    for difference in differences:
        print(difference)
    print(json.dumps(dict(results)))
    return 1 if results["differences_left"] else 0


def _admin(arguments: argparse.Namespace) -> int:
    from local.stack.administrators import make_administrator  # noqa: PLC0415

    email = _require_email(arguments.email, example="make admin EMAIL=you@example.com", name="EMAIL")
    ready = _ready(arguments.data) if is_running(arguments.data) else None
    for line in make_administrator(_settings(arguments), ready, email):
        print(line)
    return 0


def _ready(data: Path = DATA) -> dict[str, Any]:
    """Return the fields of the running system's READY line."""
    if not is_running(data):
        raise StackError("the system is not running; start it with `make run`")
    try:
        ready: dict[str, Any] = json.loads((data / RUN_FILE).read_text())
    except FileNotFoundError:
        raise StackError("the system is still starting; try again when it has printed its READY line") from None
    return ready


def _require_email(text: str, *, example: str, name: str = "USER") -> str:
    if not all(text.partition("@")):
        raise StackError(f"{text!r} is not an e-mail address; set {name} to one: {example}")
    return text


def _reset(_arguments: argparse.Namespace) -> int:
    if is_running(DATA):
        raise StackError("the system is running; stop it before you delete its data")
    shutil.rmtree(DATA, ignore_errors=True)
    return 0


def _settings(arguments: argparse.Namespace) -> dict[str, str]:
    return read_user_settings(arguments.env_file)


def _report(text: str) -> None:
    print(f"whyviral: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
