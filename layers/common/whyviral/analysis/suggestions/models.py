"""The table of suggestions, each of which a user can mark as done with a post of their own."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.analysis.models import PostAnalysis
from whyviral.core.database import Base, Identified
from whyviral.social.models import PlatformRow


class Suggestion(Identified, Base):
    """One suggestion of an analysis, and the post with which the user followed it up.

    A retry that rewrites the analysis rewrites the suggestions that are not marked. A marked one keeps its text: it is
    what the user did.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        UniqueConstraint("post_analysis_id", "position"),
        CheckConstraint("position between 1 and 4", name="position"),
        CheckConstraint(
            "num_nulls(done_at, new_url, new_platform, new_platform_post_id) in (0, 4)", name="is_done_with_a_post"
        ),
        Index(None, "new_platform"),
    )

    post_analysis_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PostAnalysis.id, ondelete="CASCADE"))
    position: Mapped[int]
    """From 1, in the order of the analysis."""
    text: Mapped[str]
    """Untrusted, as every text of a model; it cites sources as the analysis does."""
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    new_url: Mapped[str | None]
    """The canonical URL of the user's new post."""
    new_platform: Mapped[str | None] = mapped_column(ForeignKey(PlatformRow.slug))
    new_platform_post_id: Mapped[str | None]
