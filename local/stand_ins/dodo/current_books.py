"""The books as a dependency of routes."""

from typing import Annotated

from fastapi import Depends

from local.stand_ins.dodo.business import passage
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.state import State


async def _current_books(state: State) -> Books:
    books = state.dodo.books
    passage.catch_up(books)
    return books


type CurrentBooks = Annotated[Books, Depends(_current_books)]
"""The books, in which everything has happened that is due by now."""
