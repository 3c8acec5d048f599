"""What the sign-in routes share: answers of uniform duration, and the sign-in service as a dependency."""

import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from whyviral.accounts.sign_in import SignInService

from .dependencies import CallerDep, ServicesDep, SessionDep, services_of


class UniformDurationRoute(APIRoute):
    """A route that delays each answer to a multiple of `answer_step_s`, so that its duration reveals no account.

    The delay hides small differences. It need not hide large ones: the number of calls to Clerk is the same with and
    without an account (`whyviral.accounts.credentials`), also when Clerk takes a second for each call.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler with the delay, during which no thread and no connection is held."""
        handle = super().get_route_handler()

        async def handle_with_delay(request: Request) -> Response:
            services = services_of(request)
            started_mono_s = services.monotonic()
            try:
                return await handle(request)
            finally:
                elapsed_s = services.monotonic() - started_mono_s
                await services.sleep(_delay_s(elapsed_s, step_s=services.answer_step_s))

        return handle_with_delay


def _delay_s(elapsed_s: float, *, step_s: float) -> float:
    """Return the seconds until the next multiple of the step, which is at least one step; 0 for a step of 0."""
    if step_s == 0:
        return 0.0
    return max(1, math.ceil(elapsed_s / step_s)) * step_s - elapsed_s


async def get_sign_in_service(session: SessionDep, services: ServicesDep, caller: CallerDep) -> SignInService:
    """Build the sign-in service of this request; async because FastAPI runs a plain dependency in a thread."""
    return SignInService(
        session,
        caller=caller,
        clerk=services.clerk,
        hashes=services.hashes,
        verifier=services.verifier,
        clock=services.clock,
    )


type SignInDep = Annotated[SignInService, Depends(get_sign_in_service)]
