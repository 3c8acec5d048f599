"""Health routes: whether the process runs, whether the database answers, and whether all dependencies answer.

Monitors also send HEAD, which is answered with the same status and no body.
"""

from enum import StrEnum

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from functions.api.dependencies import ConnectionDep, Services, ServicesDep
from functions.api.error_responses import Responses
from whyviral.core.database import session_scope
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS
from whyviral.integrations.errors import ProviderError

router = APIRouter(prefix="/health", tags=["health"])


class HealthStatus(StrEnum):
    """The result of a health check."""

    OK = "ok"
    UNAVAILABLE = "unavailable"


class Health(BaseModel):
    """The overall status and the result of each check."""

    status: HealthStatus = Field(description="`ok` if every check is.")
    checks: dict[str, HealthStatus] = {}


_UNAVAILABLE: Responses = {503: {"model": Health, "description": "At least one check failed."}}


@router.get("/live/", response_model=Health)
def get_liveness() -> Health:
    """Report that the process runs, without I/O."""
    return Health(status=HealthStatus.OK)


@router.get("/ready/", response_model=Health, responses=_UNAVAILABLE, dependencies=[ConnectionDep])
def get_readiness(services: ServicesDep, response: Response) -> Health:
    """Report whether the database answers."""
    return _health(response, database=_database_works(services))


@router.get("/", response_model=Health, responses=_UNAVAILABLE, dependencies=[ConnectionDep])
def get_health(services: ServicesDep, response: Response) -> Health:
    """Report whether the database and the state machine answer."""
    return _health(response, database=_database_works(services), state_machine=_state_machine_works(services))


@router.head("/live/", include_in_schema=False)
def head_liveness() -> Response:
    """Answer as `get_liveness` does, without a body."""
    return Response()


@router.head("/ready/", include_in_schema=False, dependencies=[ConnectionDep])
def head_readiness(services: ServicesDep) -> Response:
    """Answer as `get_readiness` does, without a body."""
    response = Response()
    get_readiness(services, response)
    return response


@router.head("/", include_in_schema=False, dependencies=[ConnectionDep])
def head_health(services: ServicesDep) -> Response:
    """Answer as `get_health` does, without a body."""
    response = Response()
    get_health(services, response)
    return response


def _health(response: Response, **checks: bool) -> Health:
    is_healthy = all(checks.values())
    if not is_healthy:
        response.status_code = 503
    return Health(
        status=_status(works=is_healthy),
        checks={name: _status(works=works) for name, works in checks.items()},
    )


def _status(*, works: bool) -> HealthStatus:
    return HealthStatus.OK if works else HealthStatus.UNAVAILABLE


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
