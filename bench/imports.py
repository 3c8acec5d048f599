"""Cold starts: the import time of each entry point, compared with its indispensable packages alone."""

import os
import subprocess
import sys
from functools import partial

from bench.measurement import Measurement, paired_ratio

_RUNS = 7
_PROMISED_RATIO = 1.25
_COMMON = (
    "from aws_lambda_powertools import Logger",
    "from aws_lambda_powertools.utilities.typing import LambdaContext",
    "import pg8000.dbapi, pydantic, pydantic_settings, sqlalchemy.orm, sqlalchemy.dialects.postgresql.pg8000",
)
# httpx imports httpcore with its first client.
_HTTP = ("import httpx, httpcore",)
_FLOORS = {
    # FastAPI imports further modules with its first route and its first response model.
    "functions.api.handler": (
        *_COMMON,
        *_HTTP,
        "import fastapi, fastapi.middleware.cors, mangum, jwt",
        "class Answer(pydantic.BaseModel): pass",
        "fastapi.FastAPI().get('/', response_model=Answer)(lambda: None)",
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
    "functions.requests.finish": _COMMON,
    "functions.requests.fail": _COMMON,
}
_SETTINGS = {
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
    "CLERK_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "DODO_API_KEY": "example",
    "DODO_MODE": "test",
    "ADMIN_COOKIE_SECRET": "an invented secret of enough characters",
    "DODO_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "FRONTEND_URL": "https://app.example.com",
    "WEBHOOK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/webhooks",
}


def measure() -> list[Measurement]:
    """Compare each entry point with its floor; each run is a whole process."""
    found: list[Measurement] = []
    for module, floor in _FLOORS.items():
        seconds, ratio = paired_ratio(partial(_run, f"import {module}"), partial(_run, "\n".join(floor)), runs=_RUNS)
        found.append(Measurement(f"start and import of {module}", seconds, "s"))
        found.append(Measurement("the same against its packages alone", ratio, "times", at_most=_PROMISED_RATIO))
    return found


def _run(code: str) -> None:
    environment = {"PATH": os.environ["PATH"], **_SETTINGS}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
