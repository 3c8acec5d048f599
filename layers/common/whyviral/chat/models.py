"""Tables of chat: sessions, their messages, and the pieces of an answer in the order in which they were written."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.accounts.models import User
from whyviral.analysis.models import PostAnalysis
from whyviral.core.database import Base, Identified, one_of
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.chat_model import ChatRole
from whyviral.social.models import PlatformRow

MAX_CONTENT_CHARACTERS = 100_000
"""The maximum length of any message, which a check constraint of the table enforces as well."""
_IS_GENERATING = "status = 'generating'"


class MessageStatus(StrEnum):
    """The state of a message; a question is complete from the start."""

    GENERATING = "generating"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """The answer ended early; its text up to there is kept."""
    FAILED = "failed"
    """There is no answer."""


class ChatSession(Identified, Base):
    """The conversation of one user about one analysis."""

    __tablename__ = "chat_sessions"
    __table_args__ = (UniqueConstraint("post_analysis_id", "user_id"), Index(None, "user_id", "last_active_at"))

    post_analysis_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PostAnalysis.id, ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    message_seq: Mapped[int] = mapped_column(server_default=text("0"))
    """The last `seq` of the messages, allocated under this row's lock; also their number."""
    last_active_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When the last question was asked."""


class ChatMessage(Identified, Base):
    """A question of the user, or the answer to the question before it."""

    __tablename__ = "chat_messages"
    __table_args__ = (
        UniqueConstraint("session_id", "seq"),
        one_of("role", ChatRole),
        one_of("status", MessageStatus),
        one_of("error_category", ErrorCategory),
        CheckConstraint("char_length(content) <= 100000", name="content_is_bounded"),
        CheckConstraint("char_length(client_message_id) between 1 and 255", name="client_message_id_is_bounded"),
        CheckConstraint(
            "status <> 'generating' or (lease_owner is not null and lease_until is not null)",
            name="generating_has_lease",
        ),
        Index(
            "uq_chat_messages_session_id_client_message_id",
            "session_id",
            "client_message_id",
            unique=True,
            postgresql_where=text("client_message_id is not null"),
        ),
        Index(
            "uq_chat_messages_generating_session_id", "session_id", unique=True, postgresql_where=text(_IS_GENERATING)
        ),
        Index(None, "lease_until", postgresql_where=text(_IS_GENERATING)),
        Index(None, "platform"),
        Index(None, "status", "created_at"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(ChatSession.id, ondelete="CASCADE"))
    seq: Mapped[int]
    role: Mapped[str]
    status: Mapped[str]
    content: Mapped[str] = mapped_column(server_default=text("''"))
    client_message_id: Mapped[str | None]
    """The client's own id of a question, which makes sending it again harmless."""
    error_category: Mapped[str | None]
    error: Mapped[str | None]
    """Tells the user why an answer is missing or incomplete."""
    provider: Mapped[str | None]
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default=text("0"))
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default=text("0"))
    """The maximum cost of calls that are in progress or whose cost is unknown, on top of `cost_usd`."""
    is_stand_in: Mapped[bool] = mapped_column(server_default=text("false"))
    metadata_used: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the model was given, and what was removed from its answer, as counts."""
    platform: Mapped[str | None] = mapped_column(ForeignKey(PlatformRow.slug))
    usage_date: Mapped[date | None]
    """The platform and day on which the question was counted; set on the answer."""
    is_counted: Mapped[bool] = mapped_column(server_default=text("false"))
    """The question counts against the plan; false once it was returned."""
    lease_owner: Mapped[uuid.UUID | None]
    """The process run that writes the answer until `lease_until`; a run that lost the lease changes nothing."""
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    watched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When a reader in another process last reported that it follows the answer."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def is_partial(self) -> bool:
        """Return whether the answer ended early."""
        return self.status == MessageStatus.PARTIAL


class ChatMessageChunk(Identified, Base):
    """Consecutive pieces of an answer: each piece is one `token` event, and `first_seq` numbers the first of them."""

    __tablename__ = "chat_message_chunks"
    __table_args__ = (UniqueConstraint("message_id", "first_seq"), Index(None, "created_at"))

    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(ChatMessage.id, ondelete="CASCADE"))
    first_seq: Mapped[int]
    pieces: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
