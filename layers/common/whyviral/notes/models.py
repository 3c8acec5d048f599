"""The table of notes."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.accounts.models import User
from whyviral.analysis.models import PostAnalysis
from whyviral.core.database import Base, Identified

MAX_TITLE_CHARS = 200
MAX_CONTENT_CHARS = 20_000
"""The maximum lengths, which check constraints of the table enforce as well."""


class AnalysisNote(Identified, Base):
    """A user's note about the analysis of a post; each user has at most one per analysis."""

    __tablename__ = "analysis_notes"
    __table_args__ = (
        UniqueConstraint("user_id", "post_analysis_id"),
        CheckConstraint("char_length(title) between 1 and 200", name="title_is_bounded"),
        CheckConstraint("char_length(content) <= 20000", name="content_is_bounded"),
        Index(None, "post_analysis_id"),
        Index(None, "user_id", "updated_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    post_analysis_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PostAnalysis.id, ondelete="CASCADE"))
    title: Mapped[str]
    content: Mapped[str]
