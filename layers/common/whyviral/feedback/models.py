"""The table of feedback."""

import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.accounts.models import User
from whyviral.core.database import Base, Identified, one_of

LONGEST_TEXT = 5_000
"""The maximum length in characters, which a check constraint of the table enforces as well."""


class FeedbackCategory(StrEnum):
    """The kind of feedback."""

    BUG = "bug"
    IDEA = "idea"
    QUESTION = "question"
    PRAISE = "praise"
    OTHER = "other"


class Feedback(Identified, Base):
    """A message from a user about the product."""

    __tablename__ = "feedback"
    __table_args__ = (
        one_of("category", FeedbackCategory),
        CheckConstraint("char_length(text) between 1 and 5000", name="text_is_bounded"),
        Index(None, "user_id", "created_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    category: Mapped[str]
    text: Mapped[str]
