"""Amounts as JSON."""

from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer

type Usd = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""What vendors cost, in dollars and fractions of cents."""
