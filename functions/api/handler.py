"""The Lambda handler of ApiFunction: the application under Mangum. A sandbox serves one request at a time."""

from mangum import Mangum

from .app import create_app
from .dependencies import run_inline
from .settings import ApiSettings

handler = Mangum(create_app(ApiSettings.load(), run=run_inline), lifespan="off")
