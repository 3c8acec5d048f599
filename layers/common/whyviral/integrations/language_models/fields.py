"""Types of the fields that every vendor's answers have."""

from typing import Annotated

from pydantic import Field, StringConstraints

type ModelName = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,100}$")]
type Tokens = Annotated[int, Field(strict=True, ge=0, le=10**9)]
"""The bound is above the limits of every model, and a sum of two counts fits the integer column."""
