"""Request and response bodies of the chat API."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.chat_model import ChatRole
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.money import Usd

from .models import MessageStatus

MAX_QUESTION_CHARACTERS = 4_000


def _require_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no character") from None
    return text


QuestionText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS, pattern=r"^[^\x00]*$"),
    AfterValidator(_require_unicode),
]


class SessionBody(BaseModel):
    """The analysis to talk about."""

    model_config = ConfigDict(extra="forbid")

    post_analysis_id: uuid.UUID


class QuestionBody(BaseModel):
    """A question about an analysis."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    content: QuestionText
    client_message_id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="An id that the client generates, such as a UUID. A question sent again with the same id in "
            "the same session is not asked again: its first answer is returned.",
        ),
    ] = None


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MessageOut(_Row):
    """A question, or the answer to the question before it."""

    id: uuid.UUID
    seq: int = Field(description="Numbers the messages of a session from 1, without gaps.")
    role: ChatRole
    status: MessageStatus
    content: str
    is_partial: bool = Field(description="Whether the answer ended early; its text up to there is kept.")
    client_message_id: str | None
    error_category: ErrorCategory | None
    error: str | None = Field(description="Why an answer is missing or incomplete, in one sentence.")
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Usd = Field(description="The known cost of the answer.")
    is_stand_in: bool = Field(description="Whether the answer came from a stand-in and not from a real model.")
    created_at: datetime
    finished_at: datetime | None


class SessionOut(_Row):
    """A conversation about one analysis."""

    id: uuid.UUID
    post_analysis_id: uuid.UUID
    analysis_request_id: uuid.UUID
    platform: Platform
    post_url: str
    username: str | None
    message_count: int
    last_message: MessageOut | None
    last_active_at: datetime
    created_at: datetime
