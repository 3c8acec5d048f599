"""The whole system on one machine: database, stand-ins, state machine, workers and API, started and ended together."""

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import httpx
from sqlalchemy.exc import DBAPIError

from local.aws import failure_events, webhook_queue
from local.aws.lambda_service import LambdaService
from local.aws.sandbox import InvocationHook, no_hook
from local.aws.schedules import scheduled
from local.aws.tasks import TaskService
from local.aws.template import FunctionSpec, Template, read_template
from local.aws.workflow import Workflow
from local.database.embedded_database import EmbeddedDatabase
from local.database.postgres import Postgres, PostgresError
from local.database.product import UnknownRevision, prepare
from local.stack import accounts, clerk_events, recovery
from local.stack.configuration import Configuration, HalfConfigured, configure, stand_ins_needed
from whyviral.core.database import build_engine

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".local"
HOST = "127.0.0.1"
LOCK = "lock"
STAND_INS_PORT = "stand-ins-port"
STATE_MACHINE_NAME = "state-machine-name"
API_FUNCTION = "ApiFunction"
SWEEPER_FUNCTION = "SweeperFunction"
API_POOL_SIZE = "8"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


class StackError(RuntimeError):
    """The stack cannot start or has broken; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the running system answers."""

    api: str
    stand_ins: str
    database_url: str
    token: str | None
    """A session token of the demo user; None when Clerk is real, which alone can give one."""

    def as_dict(self) -> dict[str, str | None]:
        """Return it as `make run` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running system."""

    ready: Ready
    workflow: Workflow
    lambdas: LambdaService
    stand_in_vendors: frozenset[str]
    servers: Mapping[str, subprocess.Popen[bytes]]
    database: EmbeddedDatabase | None
    """None where the user has a database of their own."""

    def check(self) -> None:
        """Start an embedded database that has ended again; raise `StackError` when another part has ended by itself.

        Call it from the thread that entered `running`: the database ends with the thread that started it.
        """
        for name, process in self.servers.items():
            if process.poll() is not None:
                raise StackError(f"{name} has ended with status {process.returncode}; its log says why")
        if self.database is not None:
            try:
                self.database.check()
            except PostgresError as exc:
                raise StackError(str(exc)) from exc


@contextmanager
def running(
    data: Path,
    *,
    port: int | None,
    user_settings: Mapping[str, str],
    fresh: bool = False,
    say: Callable[[str], None] = lambda _: None,
    template: Template | None = None,
    invocation_hook: InvocationHook = no_hook,
) -> Iterator[Stack]:
    """Run the system inside the block; nothing of it outlives the block or this process.

    Enter it from the main thread: what it starts ends with the thread that started it.

    Args:
        data: the folder that holds the database and the logs; made when missing.
        port: the API's port; None or 0 for a free one.
        user_settings: what the user has of keys and settings; a vendor without keys is played by its stand-in.
        fresh: whether to forget what the folder holds.
        say: told what is being done.
        template: what runs; None: what template.yaml says.
        invocation_hook: sees every invocation of a function.

    Raises:
        StackError: it cannot start.
    """
    try:
        vendors = stand_ins_needed(user_settings)
    except HalfConfigured as exc:
        raise StackError(f"{exc}; set all of them, or none for the stand-in") from exc
    with ExitStack() as stack:
        data.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_only_one(data))
        if fresh:
            _clear(data)
        api_port = _checked(port) if port else _free_port()
        api_url = f"http://{HOST}:{api_port}"
        logs = data / "logs"
        logs.mkdir(exist_ok=True)
        say("starting the stand-ins")
        stand_ins_port = _lasting_port(data / STAND_INS_PORT)
        stand_ins_url = f"http://{HOST}:{stand_ins_port}"
        youtube_proxy_port = _free_port()
        options = ("--youtube-proxy-port", str(youtube_proxy_port), "--storage", str(data / "storage"))
        stand_ins = stack.enter_context(_server("local.stand_ins", stand_ins_port, _inherited(), logs, options))
        say("starting the database")
        own_database_url = user_settings.get("SUPABASE_DB_URL")
        database = None if own_database_url else _embedded(stack, data, logs, say)
        database_url = _prepared(database, data) if database else _reachable(str(own_database_url))
        configuration = configure(
            user_settings,
            database_url=database_url,
            stand_ins_url=stand_ins_url,
            youtube_proxy_url=f"http://{HOST}:{youtube_proxy_port}",
            public_base_url=api_url,
        )
        template = template or read_template(ROOT / "template.yaml")
        say("starting the state machine")
        own_variables: dict[str, dict[str, str]] = {}  # of functions that call AWS, known when there is what they call
        lambdas = stack.enter_context(_lambdas(template, configuration, own_variables, logs, invocation_hook))
        publish = failure_events.publisher(lambdas.invoke)
        tasks = stack.enter_context(_tasks(template, configuration, logs, publish))
        machine_name = _lasting_name(data / STATE_MACHINE_NAME, template.state_machine.name)
        workflow = stack.enter_context(
            Workflow(machine_name, template.local_definition(), lambdas.invoke, tasks.run, publish)
        )
        queue_url = stack.enter_context(webhook_queue.queue(lambdas.invoke))
        owns_database = own_database_url is None
        own_variables |= _variables_with_aws(workflow, queue_url, owns_database=owns_database)
        say("starting the API")
        environment = _api_environment(template.functions[API_FUNCTION], configuration, workflow)
        api = stack.enter_context(_server("local.stack.api", api_port, environment, logs))
        _wait_until_up(f"{stand_ins_url}/__control/calls", stand_ins, "the stand-ins")
        _wait_until_up(f"{api_url}/health/ready/", api, "the API")
        arn = workflow.state_machine_arn
        recovery.recover(database_url, state_machine_arn=arn, queue_url=queue_url, owns_database=owns_database)
        stack.enter_context(scheduled(template.functions.values(), lambdas.invoke))
        token = None
        if "clerk" in vendors:
            token = accounts.demo_token(stand_ins_url, api_url, database_url)
            clerk_events.subscribe(stand_ins_url, api_url)
        yield Stack(
            ready=Ready(api=api_url, stand_ins=stand_ins_url, database_url=database_url, token=token),
            workflow=workflow,
            lambdas=lambdas,
            stand_in_vendors=vendors,
            servers={"the stand-ins": stand_ins, "the API": api},
            database=database,
        )


def is_running(data: Path) -> bool:
    """Whether a system has its data in this folder right now; a killed one is not."""
    if not (data / LOCK).exists():
        return False
    try:
        with _only_one(data):
            return False
    except StackError:
        return True


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    with (data / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"the system is already running with its data in {data.name}/; stop it first") from None
        yield


def _embedded(stack: ExitStack, data: Path, logs: Path, say: Callable[[str], None]) -> EmbeddedDatabase:
    return EmbeddedDatabase(stack.enter_context(Postgres(data / "postgres", log=logs / "postgres.log")), say)


def _prepared(database: EmbeddedDatabase, data: Path) -> str:
    try:
        return prepare(database.server)
    except UnknownRevision as exc:
        what_to_do = "run `make reset`" if data.resolve().is_relative_to(DATA.resolve()) else "delete that folder"
        raise StackError(
            f"the database in {data.name}/ was created by another version of this program (schema revision "
            f"{exc.revision}) and cannot be upgraded; {what_to_do} to start again without its data"
        ) from exc


def _reachable(database_url: str) -> str:
    engine = build_engine(database_url)
    try:
        with engine.connect():
            return database_url
    except (DBAPIError, OSError) as exc:
        raise StackError(f"the database of SUPABASE_DB_URL cannot be reached ({type(exc).__name__}): check it") from exc
    finally:
        engine.dispose()


def _clear(data: Path) -> None:
    for entry in data.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def _lambdas(
    template: Template,
    configuration: Configuration,
    own_variables: Mapping[str, Mapping[str, str]],
    logs: Path,
    invocation_hook: InvocationHook,
) -> LambdaService:
    def environment(spec: FunctionSpec) -> Mapping[str, str]:
        return {**configuration.environment(spec), **own_variables.get(spec.name, {})}

    return LambdaService(template.functions, environment=environment, log_folder=logs, invocation_hook=invocation_hook)


def _tasks(
    template: Template, configuration: Configuration, logs: Path, publish: failure_events.Publish
) -> TaskService:
    return TaskService(template.tasks, environment=configuration.task_environment, log_folder=logs, publish=publish)


def _variables_with_aws(workflow: Workflow, queue_url: str, *, owns_database: bool) -> dict[str, dict[str, str]]:
    """Return, by function, the variables of those that call AWS."""
    machine = {**workflow.environment, "STATE_MACHINE_ARN": workflow.state_machine_arn}
    queue = {**workflow.environment, "WEBHOOK_QUEUE_URL": queue_url}
    return {
        webhook_queue.FUNCTION: queue,
        failure_events.FUNCTION: machine | {"CLUSTER_ARN": failure_events.CLUSTER_ARN},
        # In a database that others use too, other systems may be at work.
        SWEEPER_FUNCTION: machine | queue | {"OWNS_DATABASE": str(owns_database).lower()},
    }


def _api_environment(spec: FunctionSpec, configuration: Configuration, workflow: Workflow) -> dict[str, str]:
    return {
        **_inherited(),
        **configuration.environment(spec),
        **workflow.environment,
        "STATE_MACHINE_ARN": workflow.state_machine_arn,
        "DB_POOL_SIZE": API_POOL_SIZE,
    }


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


@contextmanager
def _server(
    module: str, port: int, environment: Mapping[str, str], logs: Path, options: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    log: IO[bytes]
    with (logs / f"{module}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(port), *options],
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in the terminal is for the stack, which then ends its servers
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StackError(f"{name} ended at once with status {process.returncode}; see the logs folder")
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise StackError(f"{name} did not answer within {_START_TIMEOUT_S:.0f} s; see the logs folder")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _lasting_port(memory: Path) -> int:
    """Return the port that the stand-ins had before, unless it is taken: URLs of stored media are in the database."""
    with suppress(FileNotFoundError, ValueError, StackError):
        return _checked(int(memory.read_text()))
    port = _free_port()
    memory.write_text(str(port))
    return port


def _lasting_name(memory: Path, prefix: str) -> str:
    """Return the state machine's name, which is no other system's, so that a restart knows the requests it began."""
    if not memory.exists():
        memory.write_text(f"{prefix}-{secrets.token_hex(4)}")
    return memory.read_text()


def _checked(port: int) -> int:
    try:
        with socket.create_server((HOST, port)):
            return port
    except OSError:
        raise StackError(f"port {port} is taken; choose another one: make run PORT={port + 1}") from None
