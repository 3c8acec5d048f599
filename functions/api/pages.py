"""Lists as JSON: `{"count", "next", "previous", "results"}`."""

from urllib.parse import urlencode

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
    """Return the page with links that start at PUBLIC_BASE_URL, whatever host the client used, and filter alike."""
    base = f"{services.public_base_url}{request.url.path}"
    filters = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]

    def link(number: int) -> str:
        return f"{base}?{urlencode([*filters, ('page', number)])}"

    return PageOut(
        count=page.count,
        next=link(page.number + 1) if page.has_next else None,
        previous=link(page.number - 1) if page.number > 1 else None,
        results=[item.model_validate(row) for row in page.rows],
    )
