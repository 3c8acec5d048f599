"""Field types for vendor documents: an unexpected value makes its field absent, and the other fields still count."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


type Lenient[T] = Annotated[T | None, WrapValidator(_or_none)]

Count = Annotated[int, Field(strict=True, ge=0, le=10**15)]
"""A count that fits a bigint; true, "12" and -1 are not counts."""


_DIGITS = re.compile(r"[0-9]{1,16}|[0-9]{1,3}(?:,[0-9]{3}){1,5}")
"""With commas between thousands or without; 12.3K is rounded, so that the count is not known."""


def count_of_text(value: Any) -> Any:
    """Return the count that a text such as "1,234" stands for; everything else as it is."""
    return int(value.replace(",", "")) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


class VendorModel(BaseModel):
    """Base class of vendor documents: unknown fields are ignored, and errors show no values."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
