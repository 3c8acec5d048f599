"""The application of StreamFunction, which `run.sh` starts under uvicorn, behind the Lambda Web Adapter.

Mangum and the Python runtime send an answer only when it is complete, so the routes that stream run here.
"""

from functions.api.app import create_app
from functions.api.settings import ApiSettings

from .adapter_context import AdapterContext

_settings = ApiSettings.load()
_READINESS_HOST = "127.0.0.1"
"""The host name in the adapter's readiness check. API Gateway forwards no request with this name."""
app = AdapterContext(
    create_app(_settings.model_copy(update={"allowed_hosts": (*_settings.allowed_hosts, _READINESS_HOST)}))
)
