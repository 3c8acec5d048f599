"""Our application as uvicorn loads it: `uvicorn --factory bench.comparison.served:create`."""

from fastapi import FastAPI

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from local.bootstrap import install_endpoints


def create() -> FastAPI:
    """Build the application from the environment."""
    install_endpoints()
    return create_app(ApiSettings.load())
