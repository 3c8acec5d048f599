"""The stack in the emulator: its state machine, and the built functions with the environment that it gives them."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine

from local.aws.lambda_service import FunctionNotFound, LambdaService
from local.aws.sandbox import Invocation
from local.aws.template import read_template
from local.aws.workflow import Workflow
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from local.database import product
from local.database.postgres import Postgres
from local.stack.configuration import (
    CLERK_STAND_IN_PUBLISHABLE_KEY,
    CLERK_STAND_IN_SECRET_KEY,
    STAND_IN_KEY,
)
from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET as CLERK_WEBHOOK_SECRET
from local.stand_ins.dodo.account import API_KEY as DODO_API_KEY
from local.stand_ins.dodo.webhooks import WEBHOOK_SECRET as DODO_WEBHOOK_SECRET
from tests.fixtures.endpoints import endpoints_at
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.task_tokens import WAITING, WaitingTasks
from tests.template.conftest import ROOT, Properties
from tests.template.emulator.recorder import Recorder, recording
from tests.template.emulator.stack import Stack, create
from tests.template.test_build import LAYER
from whyviral.core.database import build_engine

HOST = "api.example.com"
PARAMETERS = {
    "ClerkPublishableKey": CLERK_STAND_IN_PUBLISHABLE_KEY,
    "PublicBaseUrl": f"https://{HOST}",
    "FrontendUrl": "https://app.example.com",
    "DodoMode": "test",
    "AllowedHosts": HOST,
}
SECRETS = {
    "ADMIN_COOKIE_SECRET": "an invented secret of enough characters",
    "CLERK_SECRET_KEY": CLERK_STAND_IN_SECRET_KEY,
    "CLERK_WEBHOOK_SECRET": CLERK_WEBHOOK_SECRET,
    "DODO_API_KEY": DODO_API_KEY,
    "DODO_WEBHOOK_SECRET": DODO_WEBHOOK_SECRET,
    "SUPABASE_SECRET_KEY": "sb_secret_stand_in",
    "TWITTERAPI_KEY": STAND_IN_KEY,
    "BRIGHTDATA_API_KEY": STAND_IN_KEY,
    "GEMINI_API_KEY": STAND_IN_KEY,
}


@dataclass(frozen=True, slots=True)
class Emulator:
    """The created stack, whose built functions can be invoked."""

    stack: Stack
    recorder: Recorder
    waiting: WaitingTasks
    lambdas: Mapping[str, LambdaService]
    engine: Engine
    stand_ins: StandInsClient
    packages: Path
    own_variables: Mapping[str, str]
    """What every function's environment has besides the template's variables: the layer and the addresses."""

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment of a function; its access key is the function's name."""
        return {**self.stack.variables[function], **self.own_variables, "AWS_ACCESS_KEY_ID": function}

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Invoke a function by its logical or physical id, as Step Functions does."""
        logical = {physical: name for name, physical in self.stack.resources.items()}.get(function, function)
        if logical not in self.lambdas:
            raise FunctionNotFound(function)
        return self.lambdas[logical].invoke(logical, payload)

    def run(self, function: str, event: object) -> Any:
        """Invoke a function with an event that it must accept, and return its answer."""
        invocation = self.invoke(function, json.dumps(event).encode())
        assert invocation.function_error is None, f"{function}: {invocation.payload.decode()}"
        return json.loads(invocation.payload)

    def request(
        self, method: str, path: str, body: object = None, *, token: str = "", function: str = "ApiFunction"
    ) -> tuple[int, Any]:
        """Send a request to a function as API Gateway does; return status and JSON of the answer."""
        answer = self.run(
            function, api_event(method, path, body, {"authorization": f"Bearer {token}"} if token else {})
        )
        return answer["statusCode"], json.loads(answer["body"])


def api_event(method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
    """Return the event of a REST API's proxy integration. A body of text is sent as it is, others as JSON."""
    sent = {"host": HOST, "content-type": "application/json", **(headers or {})}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.strip("/")},
        "requestContext": {"requestId": str(uuid.uuid4()), "stage": "live", "identity": {"sourceIp": "192.0.2.1"}},
        "body": body if isinstance(body, str | None) else json.dumps(body),
        "isBase64Encoded": False,
    }


@pytest.fixture(scope="package")
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    product.create_database(postgres, "emulator", template=template)
    yield product.app_url(postgres, "emulator")
    product.drop_database(postgres, "emulator")


@pytest.fixture(scope="package")
def emulator(
    transformed: Properties,
    packages: Path,
    runtime_python: Path,
    database_url: str,
    stand_ins_server: StandInsClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Emulator]:
    """The stack, created once; its executions have ended when it is closed."""
    stand_ins_server.reset()
    logs = tmp_path_factory.mktemp("emulator")
    ready: list[Emulator] = []

    def invoke(function: str, payload: bytes) -> Invocation:
        return ready[0].invoke(function, payload)

    with ExitStack() as stack:
        workflow = stack.enter_context(Workflow("waiting", json.dumps(WAITING), invoke))
        waiting = WaitingTasks(workflow)
        stack.callback(waiting.close)
        secrets = SECRETS | {"SUPABASE_DB_URL": database_url, "SUPABASE_URL": f"{stand_ins_server.base_url}/supabase"}
        definition = ROOT / "statemachine" / "analysis.asl.json"
        created = create(transformed, definition, secret=secrets, **PARAMETERS)
        address, recorder = stack.enter_context(recording(workflow.endpoint_url, account=created.account))
        engine = build_engine(database_url)
        stack.callback(engine.dispose)
        emulator = Emulator(
            stack=created,
            recorder=recorder,
            waiting=waiting,
            lambdas={},
            engine=engine,
            stand_ins=stand_ins_server,
            packages=packages,
            own_variables={
                **workflow.environment,
                "AWS_ENDPOINT_URL": address,
                "PYTHONPATH": str(packages / LAYER),
                "PYTHONDONTWRITEBYTECODE": "1",
                ENDPOINTS_VARIABLE: dump_endpoints(endpoints_at(stand_ins_server)),
            },
        )
        lambdas = {
            name: stack.enter_context(
                LambdaService(
                    {name: spec},
                    environment=lambda spec: emulator.environment(spec.name),
                    log_folder=logs,
                    python=runtime_python,
                    task_root=packages / name,
                )
            )
            for name, spec in read_template(ROOT / "template.yaml").functions.items()
        }
        ready.append(replace(emulator, lambdas=lambdas))
        _create_state_machine(created)
        _stop_polling()
        yield ready[0]


def _create_state_machine(stack: Stack) -> None:
    """Give the interpreter the definition that CloudFormation made, under the same name."""
    arn = stack.outputs["StateMachineArn"]
    made = boto3.client("stepfunctions").create_state_machine(
        name=arn.rpartition(":")[2], definition=stack.definition, roleArn=f"arn:aws:iam::{stack.account}:role/analysis"
    )
    assert made["stateMachineArn"] == arn


def _stop_polling() -> None:
    """Disable the mapping from queue to function: moto would run the function inside the call that sends a message."""
    client = boto3.client("lambda")
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
