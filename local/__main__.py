"""The command line behind the Makefile: run, demo, token, webhook, retention, reset."""

import argparse
import json
import shutil
import signal
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from types import FrameType

from local.private_file import write_private
from local.processes.lifetime import end_with_parent
from local.stack.configuration import read_user_settings
from local.stack.system import DATA, ROOT, StackError, is_running, running

RUN_FILE = "run.json"
_CHECK_INTERVAL_S = 0.5


def main() -> int:
    """Run one command and return the exit status."""
    # make may be killed: then nobody would ever end this process.
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
    parser.add_argument("--env-file", type=Path, default=ROOT / ".env", help="settings beside the environment's")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the whole system")
    run.add_argument("--port", type=int, default=8000)
    run.add_argument("--data", type=Path, default=DATA, help="the folder of database and logs")
    run.set_defaults(command=_run)
    demo = commands.add_parser("demo", help="run the system, analyse posts, report, stop")
    demo.add_argument("urls", nargs="*")
    demo.add_argument("--data", type=Path, default=DATA / "demo", help="the folder of report, database and logs")
    demo.set_defaults(command=_demo)
    token = commands.add_parser("token", help="print a session token for the running system")
    token.add_argument("email")
    token.set_defaults(command=_token)
    webhook = commands.add_parser("webhook", help="send a signed sample event of Clerk's to the running system")
    webhook.add_argument("event", help="such as user.created, user.deleted or session.revoked")
    webhook.add_argument("--email", default="webhook@whyviral.example", help="whom it is about")
    webhook.set_defaults(command=_webhook)
    retention = commands.add_parser("retention", help="delete what is too old from the running system's database")
    retention.set_defaults(command=_retention)
    commands.add_parser("reset", help="forget all local data").set_defaults(command=_reset)
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    data: Path = arguments.data
    with running(data, port=arguments.port, user_settings=_settings(arguments), say=_say) as stack:
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, stop)
        ready = json.dumps(stack.ready.as_dict())
        write_private(data / RUN_FILE, ready + "\n")  # it holds a token and the database's password
        try:
            print(f"READY {ready}", flush=True)
            if stack.stand_in_vendors:
                _say(f"played by stand-ins: {', '.join(sorted(stack.stand_in_vendors))}; set their keys in .env")
            while not stopped.wait(_CHECK_INTERVAL_S):
                stack.check()
        finally:
            (data / RUN_FILE).unlink(missing_ok=True)
            _say("stopping")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from local import demo  # noqa: PLC0415 - rich is for this command only

    return demo.run(arguments.urls, data=arguments.data, user_settings=_settings(arguments))


def _token(arguments: argparse.Namespace) -> int:
    from local.stack.accounts import create_token  # noqa: PLC0415

    ready = _ready()
    if ready["token"] is None:
        raise StackError("Clerk is real here: sign in through it to get a token")
    print(create_token(ready["stand_ins"], arguments.email)[0])
    return 0


def _webhook(arguments: argparse.Namespace) -> int:
    from local.stack.clerk_events import send_sample  # noqa: PLC0415

    ready = _ready()
    if ready["token"] is None:
        raise StackError("Clerk is real here: it alone can sign its webhooks")
    status = send_sample(ready["stand_ins"], ready["api"], arguments.event, arguments.email)
    print(f"{arguments.event} about {arguments.email}: {status}")
    return 0 if status == HTTPStatus.OK else 1


def _retention(arguments: argparse.Namespace) -> int:
    from local.stack.retention import clean  # noqa: PLC0415

    print(json.dumps(clean(_ready()["database_url"], _settings(arguments))))
    return 0


def _ready() -> dict[str, str]:
    """Return what the running system printed when it was ready."""
    if not is_running(DATA):
        raise StackError("nothing is running; start it with `make run`")
    ready: dict[str, str] = json.loads((DATA / RUN_FILE).read_text())
    return ready


def _reset(_arguments: argparse.Namespace) -> int:
    if is_running(DATA):
        raise StackError("the system is running; stop it first")
    shutil.rmtree(DATA, ignore_errors=True)
    return 0


def _settings(arguments: argparse.Namespace) -> dict[str, str]:
    return read_user_settings(arguments.env_file)


def _say(text: str) -> None:
    print(f"whyviral: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
