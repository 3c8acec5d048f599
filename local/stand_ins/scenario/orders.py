"""Base models of the control API's request bodies: unknown fields and values that JSON cannot express are errors."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class OrderPart(BaseModel):
    """A part of a request body; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Order(OrderPart):
    """The body of a request to the control API."""

    @model_validator(mode="before")
    @classmethod
    def _can_be_answered_with(cls, order: Any) -> Any:
        # Python parses NaN and lone surrogates, but cannot write them into an answer.
        json.dumps(order, ensure_ascii=False, allow_nan=False).encode()
        return order
