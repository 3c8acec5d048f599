"""The books as a dependency of routes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from local.stand_ins.dodo.business import passage
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.state import State


async def _current_books(request: Request, state: State) -> AsyncIterator[Books]:
    account = state.dodo
    count = len(account.books.events)
    passage.catch_up(account.books)
    try:
        yield account.books
    finally:
        if request.method != "GET" or len(account.books.events) != count:
            account.save()


type CurrentBooks = Annotated[Books, Depends(_current_books, scope="function")]
"""The books, in which everything has happened that is due by now; what a route changes is saved before the answer."""
