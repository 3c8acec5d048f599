"""Feedback as JSON."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from .models import LONGEST_TEXT, FeedbackCategory


class FeedbackBody(BaseModel):
    """A message about the product."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    category: FeedbackCategory
    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT, pattern=r"^[^\x00]*$")
    ]


class FeedbackOut(BaseModel):
    """A saved message."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    category: FeedbackCategory
    text: str
    created_at: datetime
