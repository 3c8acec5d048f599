"""Field types for vendor documents: an unexpected value becomes None and leaves the other fields intact."""

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
"""Digits with or without thousands separators; 12.3K does not match, because a rounded count is not exact."""


def count_of_text(value: Any) -> Any:
    """Convert a text such as "1,234" to a number, and return any other value unchanged."""
    return int(value.replace(",", "")) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


class VendorModel(BaseModel):
    """Base class of vendor documents: unknown fields are ignored, and errors show no values.

    The first document of a kind builds its validator, since a process reads few of the documents that it imports.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)
