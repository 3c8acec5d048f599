"""Routes that run their endpoint and the commit of its transaction together."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi.routing import APIRoute

from .dependencies import ServicesDep, SessionDep

_SESSION = "session_of_route"
_SERVICES = "services_of_route"


@dataclass(frozen=True, slots=True)
class Deferred:
    """An argument of an endpoint that is computed in the endpoint's thread, because that waits for the database."""

    compute: Callable[[], Any]


class TransactionRoute(APIRoute):
    """A route whose endpoint, a plain function, is given to the runner together with the commit of its transaction.

    By default FastAPI uses one thread for the endpoint, a second to validate its answer and a third to commit.
    """

    deferring: ClassVar[Mapping[Any, Any]] = {}
    """Annotations of parameters, and for each the annotation with which the endpoint gets a `Deferred` instead."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _committing(endpoint, self.deferring), **options)


def _committing(endpoint: Callable[..., Any], deferring: Mapping[Any, Any]) -> Callable[..., Any]:
    """Return the endpoint as a coroutine function that commits. Coroutine functions and streams stay as they are."""
    # Including a router passes its wrapped endpoints here again. A stream holds no transaction while it is open.
    if inspect.iscoroutinefunction(endpoint) or inspect.isasyncgenfunction(endpoint):
        return endpoint

    async def run(**arguments: Any) -> Any:
        session: SessionDep = arguments.pop(_SESSION)
        services: ServicesDep = arguments.pop(_SERVICES)

        def work() -> Any:
            for name, value in arguments.items():
                if isinstance(value, Deferred):
                    arguments[name] = value.compute()
            answer = endpoint(**arguments)
            session.commit()
            return answer

        return await services.run(work)

    # Not `functools.wraps`: FastAPI follows its `__wrapped__` and would treat this as a plain function.
    for name in functools.WRAPPER_ASSIGNMENTS:
        setattr(run, name, getattr(endpoint, name))
    signature = inspect.signature(endpoint)
    own = [
        parameter.replace(annotation=deferring.get(parameter.annotation, parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        for name, annotation in ((_SESSION, SessionDep), (_SERVICES, ServicesDep))
    ]
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return run
