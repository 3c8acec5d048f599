"""The API's description as a file, for those who read or generate code without running anything."""

import json
from pathlib import Path

from pydantic import HttpUrl, SecretStr

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY


def write_openapi(path: Path) -> None:
    """Write the description as JSON, in an order that does not change from run to run."""
    path.write_text(render_openapi())


def render_openapi() -> str:
    """Return the description; the application behind it connects to nothing."""
    settings = ApiSettings(
        supabase_db_url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"),
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr(CLERK_STAND_IN_SECRET_KEY),
        state_machine_arn="arn:aws:states:eu-central-1:000000000000:stateMachine:none",
        public_base_url=HttpUrl("http://127.0.0.1:8000"),
        allowed_hosts=(),
    )
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"
