"""Routes that run in one thread: the work, its commit, and nothing else."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from .dependencies import SessionDep

_SESSION = "session_of_route"


class TransactionRoute(APIRoute):
    """A route whose endpoint, a plain function, runs in one thread together with the commit of its transaction.

    FastAPI alone takes a thread for the endpoint, another to check its answer, and a third to commit.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _committing(endpoint), **options)


def _committing(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Return the endpoint as a coroutine function that commits; one that is a coroutine function is left as it is."""
    if inspect.iscoroutinefunction(endpoint):  # so is one of a router that is included in the application
        return endpoint

    async def run(**arguments: Any) -> Any:
        session: SessionDep = arguments.pop(_SESSION)

        def work() -> Any:
            answer = endpoint(**arguments)
            session.commit()
            return answer

        return await run_in_threadpool(work)

    # Not `functools.wraps`, whose `__wrapped__` FastAPI follows to decide that this is a plain function.
    for name in functools.WRAPPER_ASSIGNMENTS:
        setattr(run, name, getattr(endpoint, name))
    signature = inspect.signature(endpoint)
    session = inspect.Parameter(_SESSION, inspect.Parameter.KEYWORD_ONLY, annotation=SessionDep)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), session])  # type: ignore[attr-defined]
    return run
