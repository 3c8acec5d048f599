"""Lists as JSON: `{"count", "next", "previous", "results"}`."""

from fastapi import Request
from pydantic import BaseModel

from whyviral.core.pagination import Page

from .dependencies import Services


class PageOut[Item](BaseModel):
    """One page of a list."""

    count: int
    next: str | None
    previous: str | None
    results: list[Item]


def page_out[Row, Item: BaseModel](
    page: Page[Row], item: type[Item], *, request: Request, services: Services
) -> PageOut[Item]:
    """Return the page with links that start at PUBLIC_BASE_URL, whatever host the client used."""
    base = f"{services.public_base_url}{request.url.path}"
    return PageOut(
        count=page.count,
        next=f"{base}?page={page.number + 1}" if page.has_next else None,
        previous=f"{base}?page={page.number - 1}" if page.number > 1 else None,
        results=[item.model_validate(row) for row in page.rows],
    )
