"""The table of share links."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.analysis.models import PostAnalysisRequest
from whyviral.core.database import Base, Identified


class ShareLink(Identified, Base):
    """The link to one report. A new link replaces the old one, and a revoked link has no row."""

    __tablename__ = "share_links"
    __table_args__ = (CheckConstraint("token_sha256 ~ '^[0-9a-f]{64}$'", name="token_is_hashed"),)

    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(PostAnalysisRequest.id, ondelete="CASCADE"), unique=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    """The token itself is shown once and is not stored."""
