"""Cold starts: what importing each entry point takes, compared with its indispensable packages alone."""

import os
import platform
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.measurement import Measurement
from local.aws.template import read_template
from local.database.postgres import Postgres
from local.database.product import prepare

_ROOT = Path(__file__).parents[1]

_RUNS = 7
_PROMISED_RATIO = 1.25
_COMMON = (
    "from aws_lambda_powertools import Logger",
    "from aws_lambda_powertools.utilities.typing import LambdaContext",
    "import pg8000.dbapi, pydantic, pydantic_settings, sqlalchemy.orm, sqlalchemy.dialects.postgresql.pg8000",
)
# httpx imports httpcore with its first client.
_HTTP = ("import httpx, httpcore",)
_FLOORS: dict[str, tuple[str, ...]] = {
    # FastAPI imports further modules with its first route and its first response model.
    "functions.api.handler": (
        *_COMMON,
        *_HTTP,
        "import fastapi, fastapi.middleware.cors, mangum, jwt",
        "class Answer(pydantic.BaseModel): pass",
        "fastapi.FastAPI().get('/', response_model=Answer)(lambda: None)",
    ),
    "functions.admin.handler": (
        *_COMMON,
        *_HTTP,
        "import starlette.applications, starlette.routing, mangum, jinja2, jwt",
    ),
    "functions.webhooks.handler": (*_COMMON, "import standardwebhooks"),
    "functions.deliveries.handler": (*_COMMON, "import httpcore", "import standardwebhooks"),
    "functions.mcp.handler": (
        *_COMMON,
        *_HTTP,
        "import mangum, jwt, starlette.middleware.cors",
        "import mcp.server.lowlevel, mcp.server.streamable_http_manager",
    ),
    "functions.scrape.handler": (*_COMMON, *_HTTP),
    "functions.media.handler": (*_COMMON, *_HTTP),
    "functions.analyze.handler": (*_COMMON, *_HTTP),
    # The others need the common packages only.
}
_SETTINGS = {
    "ADMIN_COOKIE_SECRET": "an invented secret of enough characters",
    "ALLOWED_HOSTS": "localhost",
    "BRIGHTDATA_API_KEY": "example",
    "CLERK_PUBLISHABLE_KEY": "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
    "CLERK_SECRET_KEY": "sk_test_example",
    "GEMINI_API_KEY": "example",
    "PUBLIC_BASE_URL": "https://api.example.com",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:example",
    "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
    "SUPABASE_DB_URL": "postgresql://unused@127.0.0.1:9/unused",
    "SUPABASE_SECRET_KEY": "sb_secret_example",
    "SUPABASE_URL": "https://example.supabase.co",
    "TWITTERAPI_KEY": "example",
    "CLUSTER_ARN": "arn:aws:ecs:us-east-1:000000000000:cluster/example",
    "CLERK_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "DODO_API_KEY": "example",
    "DODO_MODE": "test",
    "DODO_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "FRONTEND_URL": "https://app.example.com",
    "WEBHOOK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/webhooks",
}

_REQUEST: dict[str, Any] = {
    "resource": "/{proxy+}",
    "path": "/api/accounts/plans/",
    "httpMethod": "GET",
    "headers": {"host": "localhost"},
    "multiValueHeaders": {"host": ["localhost"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": {"proxy": "api/accounts/plans"},
    "requestContext": {"requestId": "first", "stage": "live", "identity": {"sourceIp": "127.0.0.1"}},
    "body": None,
    "isBase64Encoded": False,
}


def measure() -> list[Measurement]:
    """Build the packages and compare each entry point with its floor, in processor time; each run is a whole process.

    Other processes on the machine affect processor time less than the time until the end.
    Both run from the function's build folder with its layer and the runtime's packages, so both load bytecode.
    """
    with tempfile.TemporaryDirectory(prefix="whyviral-packages-") as folder:
        packages = _build(Path(folder) / "build")
        found: list[Measurement] = []
        for name, spec in read_template(_ROOT / "template.yaml").functions.items():
            if not (packages / name).is_dir():
                continue  # the worker runs from an image
            module = spec.handler.rpartition(".")[0]
            floor = "\n".join(_FLOORS.get(module, _COMMON))
            found += _compare(f"start and import of {module}", packages, name, f"import {module}", floor)
        found += _first_request(packages)
    return found


def _compare(what: str, packages: Path, function: str, code: str, floor: str) -> list[Measurement]:
    seconds, ratio = _ratio(partial(_run, packages, function, code), partial(_run, packages, function, floor))
    return [
        Measurement(what, seconds, "s"),
        Measurement("the same against its packages alone", ratio, "times", at_most=_PROMISED_RATIO),
    ]


def _ratio(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Run two callables that return seconds alternately; returns the median of the first, and of the ratios."""
    pairs = [(first(), second()) for _ in range(_RUNS + 1)][1:]  # the first pair reads the files from the disk
    return statistics.median(one for one, _ in pairs), statistics.median(one / other for one, other in pairs)


def _first_request(packages: Path) -> list[Measurement]:
    """Measure what a user waits for at a cold start: the import and the first answer, which reads the database."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres") as server:
        url = prepare(server)
        code = f"from functions.api.handler import handler\nassert handler({_REQUEST!r}, None)['statusCode'] == 200"
        seconds, ratio = _ratio(
            partial(_run, packages, "ApiFunction", code, SUPABASE_DB_URL=url),
            partial(_run, packages, "ApiFunction", "import functions.api.handler"),
        )
    return [
        Measurement("start, import and first request of functions.api.handler", seconds, "s"),
        Measurement("the same against start and import", ratio, "times"),
    ]


def _build(folder: Path) -> Path:
    architecture = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    for name in ("sam", "lambda"):
        subprocess.run(["./bootstrap", name], cwd=_ROOT, check=True)
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    subprocess.run(
        [
            *(".tools/sam/bin/sam", "build", "--build-dir", str(folder)),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        cwd=_ROOT,
        env=inherited | {"ARCHITECTURE": architecture, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return folder


def _run(packages: Path, function: str, code: str, **settings: str) -> float:
    """Run code in a process of its own, and return the processor time that it took."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(packages / function), str(packages / "CommonLayer" / "python")]),
        **_SETTINGS,
        **settings,
    }
    python = _ROOT / ".tools" / "lambda" / "bin" / "python"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-B", "-c", code], env=environment, cwd=packages, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
