"""Notes as JSON."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from whyviral.social.platforms import Platform

from .models import MAX_CONTENT_CHARS, MAX_TITLE_CHARS

_WITHOUT_NUL = r"^[^\x00]*$"
"""Postgres cannot store the character NUL in a text."""


class NoteBody(BaseModel):
    """The note about one analysis, which replaces an earlier one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    post_analysis_id: uuid.UUID
    title: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE_CHARS, pattern=_WITHOUT_NUL)
    ]
    content: Annotated[
        str,
        StringConstraints(max_length=MAX_CONTENT_CHARS, pattern=_WITHOUT_NUL),
        Field(description="Plain text, saved unchanged. Escape it where you show it as HTML."),
    ]
    updated_at: Annotated[
        AwareDatetime | None,
        Field(
            description="`updated_at` of the version that the user has edited. If the note has changed or has been "
            "deleted since, nothing is saved and the answer is 409. Without it the last save wins."
        ),
    ] = None


class NotedPostOut(BaseModel):
    """The post that a note is about."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    platform: Platform
    url: str
    username: str | None


class NoteSummary(BaseModel):
    """A note in a list."""

    id: uuid.UUID
    post_analysis_id: uuid.UUID
    analysis_request_id: uuid.UUID
    post: NotedPostOut
    title: str
    excerpt: Annotated[str, Field(description="The first 200 characters of the content.")]
    created_at: datetime
    updated_at: datetime


class NoteOut(NoteSummary):
    """A note with its whole content."""

    content: str
