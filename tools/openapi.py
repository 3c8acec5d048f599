"""`make openapi`: writes the API's OpenAPI description to docs/openapi.json, without running the API."""

import base64
import json
from pathlib import Path

from pydantic import HttpUrl, SecretStr

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from whyviral.integrations.dodo.mode import DodoMode

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"
_PUBLISHABLE_KEY = "pk_test_" + base64.b64encode(b"clerk.whyviral.localhost$").decode()


def write_openapi(path: Path) -> None:
    """Write the description as JSON; the order is the same in every run."""
    path.write_text(render_openapi())


def render_openapi() -> str:
    """Return the description as JSON; the application is created but never connects to anything."""
    settings = ApiSettings(
        supabase_db_url=SecretStr("postgresql://unused@127.0.0.1:1/unused"),
        clerk_publishable_key=_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr("sk_test_none"),
        gemini_api_key=SecretStr("none"),
        state_machine_arn="arn:aws:states:eu-central-1:000000000000:stateMachine:none",
        delivery_queue_url="https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
        public_base_url=HttpUrl("http://127.0.0.1:8000"),
        frontend_url=HttpUrl("http://127.0.0.1:3000"),
        supabase_url=HttpUrl("http://127.0.0.1:9/supabase"),
        dodo_api_key=SecretStr("none"),
        dodo_mode=DodoMode.TEST,
        allowed_hosts=(),
    )
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_openapi(DOCUMENT)
