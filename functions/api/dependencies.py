"""What routes ask for: the collaborators of the application, a transaction, and a page number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.core.database import session_scope
from whyviral.integrations.clerk_tokens import SessionTokenVerifier
from whyviral.integrations.step_functions import Workflow

MAX_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one application."""

    engine: Engine
    verifier: SessionTokenVerifier
    clerk_secret_key: SecretStr
    workflow: Workflow
    public_base_url: str


def get_services(request: Request) -> Services:
    """Return the collaborators that `create_app` built."""
    services: Services = request.app.state.services
    return services


type ServicesDep = Annotated[Services, Depends(get_services)]


def get_session(services: ServicesDep) -> Iterator[Session]:
    """Open the transaction of this request; it commits when the route returns, before the answer is sent."""
    with session_scope(services.engine) as session:
        yield session


type SessionDep = Annotated[Session, Depends(get_session, scope="function")]
type PageNumber = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Pages count from 1 and hold 20 rows.")]
