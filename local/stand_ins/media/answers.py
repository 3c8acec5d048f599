"""Answers that a test sets for media hosts, such as wrong headers, redirects and errors."""

from typing import Annotated

from pydantic import Field, StringConstraints

from local.stand_ins.scenario.faults import HeaderName, HeaderValue
from local.stand_ins.scenario.orders import Order


class MediaAnswer(Order):
    """The answer to GET requests for one address."""

    address: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+/[^?#\s]*$", max_length=2000)]
    """Host and path, without scheme and query."""
    status: int = Field(default=200, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: str = ""
    """Text; every character is one byte."""
    repeat: int = Field(default=1, ge=1, le=2**31)
    """How many times the body is sent; more than once as a stream without a length."""
