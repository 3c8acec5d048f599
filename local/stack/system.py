"""The whole system on one machine: starts and stops the database, stand-ins, state machine, workers and API."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from local.aws import failure_events, webhook_queue
from local.aws.gateway import ADMIN, MCP
from local.aws.lambda_service import LambdaService
from local.aws.sandbox import InvocationHook, no_hook
from local.aws.schedules import scheduled
from local.aws.tasks import TaskService
from local.aws.template import FunctionSpec, Template, read_template
from local.aws.workflow import Workflow
from local.database.embedded_database import EmbeddedDatabase
from local.database.postgres import Postgres, PostgresError
from local.database.product import UnknownRevision, prepare
from local.stack import accounts, clerk_events, data_folder, dodo_events, recovery
from local.stack.configuration import Configuration, IncompleteKeys, configure, stand_ins_needed
from local.stack.errors import StackError
from local.stack.ports import HOST, find_free_port, require_free
from local.stack.server_process import inherited_environment, server_process, wait_until_up
from tools.plans import InvalidProducts, connect_plans, products_of
from whyviral.core.database import build_engine
from whyviral.core.postgres.url import InvalidDatabaseUrl

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".local"
API_FUNCTION = "ApiFunction"
SWEEPER_FUNCTION = "SweeperFunction"
TRANSCRIBE_FUNCTION = "TranscribeFunction"
API_POOL_SIZE = "8"
_TRANSCRIBE_COMPUTES = ("fargate-cpu", "lambda-cpu")
"""The values of the template's parameter that one machine can run. The first is the default."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The addresses of the running system, and the token of its demo user."""

    api: str
    stand_ins: str
    database_url: str
    token: str | None
    """A session token of the demo user; None with the real Clerk, which alone can issue one."""

    @property
    def console(self) -> str:
        """The console's address. With a token it opens signed in: the page takes the token out of the address bar."""
        return f"{self.api}/console/" + (f"#token={self.token}" if self.token else "")

    def as_dict(self) -> dict[str, str | None]:
        """Return the fields as `make run` prints them."""
        return asdict(self) | {"console": self.console}


@dataclass(frozen=True, slots=True)
class Stack:
    """A running system."""

    ready: Ready
    workflow: Workflow
    lambdas: LambdaService
    stand_in_vendors: frozenset[str]
    servers: Mapping[str, subprocess.Popen[bytes]]
    database: EmbeddedDatabase | None
    """None if the user has set SUPABASE_DB_URL."""
    logs: Path

    def check(self) -> None:
        """Restart an embedded database that has exited; raise `StackError` if another server has exited.

        Call this from the thread that entered `running`: the database ends with the thread that started it.
        """
        for name, process in self.servers.items():
            if process.poll() is not None:
                raise StackError(f"{name} exited with status {process.returncode}; see the logs in {self.logs}")
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
    report: Callable[[str], None] = lambda _: None,
    template: Template | None = None,
    invocation_hook: InvocationHook = no_hook,
) -> Iterator[Stack]:
    """Run the system inside the block; none of its processes outlives the block or this process.

    Enter it from the main thread: the processes that it starts end with the thread that started them.

    Args:
        data: the folder for the database, the stored media and the logs; created if it is missing.
        port: the API's port; None or 0 for a free one.
        user_settings: the user's keys and settings; a vendor without keys is replaced by its stand-in.
        fresh: whether to delete the contents of the folder first.
        report: called with one line for each step of the start.
        template: the functions and the state machine to run; None for those of template.yaml.
        invocation_hook: called around every invocation of a function.

    Raises:
        StackError: the system cannot start.
    """
    try:
        vendors = stand_ins_needed(user_settings)
    except IncompleteKeys as exc:
        raise StackError(str(exc)) from exc
    with ExitStack() as stack:
        data.mkdir(parents=True, exist_ok=True)
        stack.enter_context(data_folder.locked(data))
        if fresh:
            data_folder.clear(data)
        api_port = require_free(port) if port else find_free_port()
        api_url = f"http://{HOST}:{api_port}"
        logs = data / "logs"
        logs.mkdir(exist_ok=True)
        report("starting the stand-ins")
        stand_ins_port = data_folder.stand_ins_port(data)
        stand_ins_url = f"http://{HOST}:{stand_ins_port}"
        youtube_proxy_port = find_free_port()
        options = ("--youtube-proxy-port", str(youtube_proxy_port), *_files_of_stand_ins(data))
        stand_ins = stack.enter_context(
            server_process("local.stand_ins", stand_ins_port, inherited_environment(), logs, options)
        )
        report("starting the database")
        own_database_url = user_settings.get("SUPABASE_DB_URL")
        database = None if own_database_url else _embedded(stack, data, logs, report)
        database_url = _prepared(database, data) if database else _reachable(str(own_database_url))
        configuration = configure(
            user_settings,
            database_url=database_url,
            stand_ins_url=stand_ins_url,
            youtube_proxy_url=f"http://{HOST}:{youtube_proxy_port}",
            public_base_url=api_url,
        )
        _connect_plans(database_url, configuration, owns_database=database is not None)
        template = template or read_template(ROOT / "template.yaml")
        report("starting the state machine")
        # Variables of the functions that call AWS; filled below, once the state machine and the queue exist.
        own_variables: dict[str, dict[str, str]] = {}
        lambdas = stack.enter_context(_lambdas(template, configuration, own_variables, logs, invocation_hook))
        publish = failure_events.publisher(lambdas.invoke)
        tasks = stack.enter_context(_tasks(template, configuration, logs, publish))
        machine_name = data_folder.state_machine_name(data, template.state_machine.name)
        definition = template.local_definition(
            baseline_mode=user_settings.get("BASELINE_MODE", "cheap"),
            transcribe_compute=_transcribe_compute(user_settings),
        )
        workflow = stack.enter_context(Workflow(machine_name, definition, lambdas.invoke, tasks.run, publish))
        queue_url = stack.enter_context(webhook_queue.queue(lambdas.invoke))
        delivery_queue_url = stack.enter_context(webhook_queue.delivery_queue(lambdas.invoke))
        own_variables |= _variables_with_aws(
            workflow, queue_url, delivery_queue_url, owns_database=database is not None
        )
        report("starting the API")
        environment = _api_environment(template.functions[API_FUNCTION], configuration, workflow, delivery_queue_url)
        api = stack.enter_context(server_process("local.stack.api", api_port, environment, logs))
        wait_until_up(f"{stand_ins_url}/__control/calls", stand_ins, name="the server of the stand-ins", logs=logs)
        wait_until_up(f"{api_url}/health/ready/", api, name="the API", logs=logs)
        recovery.recover(
            database_url,
            state_machine_arn=workflow.state_machine_arn,
            queue_url=queue_url,
            delivery_queue_url=delivery_queue_url,
            owns_database=database is not None,
        )
        stack.enter_context(scheduled(template.functions.values(), lambdas.invoke))
        token = None
        if "clerk" in vendors:
            token = accounts.business_token(stand_ins_url, api_url, database_url, accounts.DEMO_EMAIL)
        _subscribe_to_events(vendors, stand_ins_url, api_url)
        yield Stack(
            ready=Ready(api=api_url, stand_ins=stand_ins_url, database_url=database_url, token=token),
            workflow=workflow,
            lambdas=lambdas,
            stand_in_vendors=vendors,
            servers={"the server of the stand-ins": stand_ins, "the API": api},
            database=database,
            logs=logs,
        )


def _embedded(stack: ExitStack, data: Path, logs: Path, report: Callable[[str], None]) -> EmbeddedDatabase:
    try:
        server = stack.enter_context(Postgres(data / "postgres", log=logs / "postgres.log"))
    except PostgresError as exc:
        raise StackError(str(exc)) from exc
    return EmbeddedDatabase(server, report)


def _prepared(database: EmbeddedDatabase, data: Path) -> str:
    try:
        return prepare(database.server)
    except UnknownRevision as exc:
        remedy = "run `make reset`" if data.resolve().is_relative_to(DATA.resolve()) else "delete that folder"
        raise StackError(
            f"the database in {data.name}/ was created by another version of this program (schema revision "
            f"{exc.revision}) and cannot be upgraded; {remedy} to start again without its data"
        ) from exc


def _reachable(database_url: str) -> str:
    try:
        engine = build_engine(database_url)
    except InvalidDatabaseUrl as exc:
        raise StackError(f"SUPABASE_DB_URL cannot be used: {exc}") from exc
    try:
        with engine.connect():
            return database_url
    except (DBAPIError, OSError) as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        raise StackError(str(reason)) from exc
    finally:
        engine.dispose()


def _files_of_stand_ins(data: Path) -> tuple[str, ...]:
    return ("--storage", str(data / "storage"), "--dodo", str(data / "dodo.json"))


def _connect_plans(database_url: str, configuration: Configuration, *, owns_database: bool) -> None:
    """Give the plans the products of Dodo or of its stand-in; a user's database never gets those of the stand-in."""
    if configuration.endpoints.is_stand_in("dodo") and not owns_database:
        return
    try:
        products = products_of(configuration.settings)
    except InvalidProducts as exc:
        raise StackError(str(exc)) from exc
    engine = build_engine(database_url)
    try:
        connect_plans(engine, products)
    finally:
        engine.dispose()


def _subscribe_to_events(vendors: frozenset[str], stand_ins_url: str, api_url: str) -> None:
    if "clerk" in vendors:
        clerk_events.subscribe(stand_ins_url, api_url)
    if "dodo" in vendors:
        dodo_events.subscribe(stand_ins_url, api_url)


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


def _transcribe_compute(user_settings: Mapping[str, str]) -> str:
    compute = user_settings.get("TRANSCRIBE_COMPUTE", _TRANSCRIBE_COMPUTES[0])
    if compute not in _TRANSCRIBE_COMPUTES:
        raise StackError(f"TRANSCRIBE_COMPUTE is {compute}, but must be one of {', '.join(_TRANSCRIBE_COMPUTES)}")
    return compute


def _variables_with_aws(
    workflow: Workflow, queue_url: str, delivery_queue_url: str, *, owns_database: bool
) -> dict[str, dict[str, str]]:
    """Return the variables of the functions that call AWS, by function."""
    machine = {**workflow.environment, "STATE_MACHINE_ARN": workflow.state_machine_arn}
    queue = {**workflow.environment, "WEBHOOK_QUEUE_URL": queue_url}
    deliveries = {**workflow.environment, "DELIVERY_QUEUE_URL": delivery_queue_url}
    return {
        webhook_queue.FUNCTION: queue,
        webhook_queue.DELIVERIES_FUNCTION: deliveries,
        "FinishFunction": deliveries,
        "FailFunction": deliveries,
        ADMIN: machine | queue,
        MCP: machine,
        failure_events.FUNCTION: machine | {"CLUSTER_ARN": failure_events.CLUSTER_ARN},
        TRANSCRIBE_FUNCTION: dict(workflow.environment),
        # Other systems may be running on a database that this system does not own.
        SWEEPER_FUNCTION: machine | queue | deliveries | {"OWNS_DATABASE": str(owns_database).lower()},
    }


def _api_environment(
    spec: FunctionSpec, configuration: Configuration, workflow: Workflow, delivery_queue_url: str
) -> dict[str, str]:
    return {
        **inherited_environment(),
        **configuration.environment(spec),
        **workflow.environment,
        "STATE_MACHINE_ARN": workflow.state_machine_arn,
        "DELIVERY_QUEUE_URL": delivery_queue_url,
        "DB_POOL_SIZE": API_POOL_SIZE,
    }
