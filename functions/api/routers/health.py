"""Health: alive, ready, and whole."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from functions.api.dependencies import ConnectionDep, Services, ServicesDep
from functions.api.errors import DATABASE_ERRORS
from whyviral.core.database import session_scope
from whyviral.integrations.errors import ProviderError

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """What works and what does not."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, Literal["ok", "unavailable"]] = {}


_UNAVAILABLE: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "Something does not work."}}


@router.get("/live/", response_model=Health)
def live() -> Health:
    """Say that the process runs; no I/O."""
    return Health(status="ok")


@router.get("/ready/", response_model=Health, responses=_UNAVAILABLE, dependencies=[ConnectionDep])
def ready(services: ServicesDep, response: Response) -> Health:
    """Say whether the database answers."""
    return _health(response, database=_database_works(services))


@router.get("/", response_model=Health, responses=_UNAVAILABLE, dependencies=[ConnectionDep])
def health(services: ServicesDep, response: Response) -> Health:
    """Say whether the database and the state machine answer."""
    return _health(response, database=_database_works(services), state_machine=_state_machine_works(services))


def _health(response: Response, **checks: bool) -> Health:
    is_healthy = all(checks.values())
    if not is_healthy:
        response.status_code = 503
    return Health(
        status="ok" if is_healthy else "unavailable",
        checks={name: "ok" if works else "unavailable" for name, works in checks.items()},
    )


def _database_works(services: Services) -> bool:
    try:
        with session_scope(services.engine) as session:
            session.execute(text("select 1"))
    except DATABASE_ERRORS:
        return False
    return True


def _state_machine_works(services: Services) -> bool:
    try:
        services.workflow.check()
    except ProviderError:
        return False
    return True
