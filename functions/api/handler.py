"""The Lambda handler of ApiFunction: the application under Mangum."""

from mangum import Mangum

from .app import create_app
from .settings import ApiSettings

handler = Mangum(create_app(ApiSettings.load()), lifespan="off")
