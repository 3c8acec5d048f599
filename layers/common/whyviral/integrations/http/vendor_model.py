"""Field types for documents of vendors: a field that is not what we expect is absent, and the rest still counts."""

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


class VendorModel(BaseModel):
    """Base of what vendors send: unknown fields ignored, values never shown in errors."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
