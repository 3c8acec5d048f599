"""The JSON form of a list: `{"count", "next", "previous", "results"}`."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel, Field

from whyviral.core.pagination import Page

from .dependencies import Services


class PageOut[Item](BaseModel):
    """One page of a list. Each list has a subclass, because the name of the class becomes the name of its schema."""

    count: int = Field(description="How many rows there are on all pages.")
    next: str | None = Field(description="The URL of the next page; null on the last one.")
    previous: str | None = Field(description="The URL of the previous page; null on the first one.")
    results: list[Item]


def page_out[List: PageOut[Any]](
    page: Page[Any], list_type: type[List], *, request: Request, services: Services
) -> List:
    """Return the page as JSON. Its links start at PUBLIC_BASE_URL, not at the request's host, and keep the filters."""
    base = f"{services.public_base_url}{request.url.path}"
    filters = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]

    def link(number: int) -> str:
        return f"{base}?{urlencode([*filters, ('page', number)])}"

    return list_type(
        count=page.count,
        next=link(page.number + 1) if page.has_next else None,
        previous=link(page.number - 1) if page.number > 1 else None,
        results=list(page.rows),
    )
