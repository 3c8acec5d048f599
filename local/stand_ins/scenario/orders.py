"""What the control API takes: exactly the fields it knows, and nothing that JSON could not give back."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class OrderPart(BaseModel):
    """A part of an order; a field it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


class Order(OrderPart):
    """The body of one call."""

    @model_validator(mode="before")
    @classmethod
    def _can_be_answered_with(cls, order: Any) -> Any:
        # Python reads NaN and half surrogate pairs, but an answer that repeats them cannot be written.
        json.dumps(order, ensure_ascii=False, allow_nan=False).encode()
        return order
