"""The Lambda handler of McpFunction: the MCP server under Mangum. A sandbox serves one request at a time."""

from mangum import Mangum

from whyviral.core.runner import run_inline

from .app import create_app
from .services import build_services
from .settings import McpSettings

_settings = McpSettings.load()

handler = Mangum(create_app(_settings, build_services(_settings, run=run_inline)), lifespan="off")
