"""Runs blocking work, such as database statements, on behalf of coroutines."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from anyio import to_thread


class Runner(Protocol):
    """Runs blocking work, such as database statements, on behalf of a coroutine."""

    async def __call__[**Arguments, Result](
        self, work: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run the work and return its result."""
        ...


async def run_in_thread[**Arguments, Result](
    work: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run work in a thread, while the event loop serves other requests."""
    return await to_thread.run_sync(partial(work, *args, **kwargs))


async def run_inline[**Arguments, Result](
    work: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run work in the thread of the event loop, for processes that serve one request at a time, as on Lambda.

    It blocks the loop, but no other request is waiting there, and switching threads takes time.
    """
    return work(*args, **kwargs)
