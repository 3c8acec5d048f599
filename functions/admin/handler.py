"""The Lambda handler of AdminFunction: the admin panel under Mangum."""

from mangum import Mangum

from .app import create_app
from .settings import AdminSettings

handler = Mangum(create_app(AdminSettings.load()).__call__, lifespan="off")
