"""The table of creators' recent posts, against which one post is measured."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of
from whyviral.integrations.ports.creator_posts import PostKind

from .comparison import BaselineMetric

_Json = JSONB(none_as_null=True)


class CreatorBaselineRow(Identified, Base):
    """The recent posts of one creator, of one kind, as last listed; all requests share it."""

    __tablename__ = "creator_baselines"
    __table_args__ = (
        UniqueConstraint("platform", "creator", "kind"),
        one_of("kind", PostKind),
        one_of("metric", BaselineMetric),
        CheckConstraint("n >= 0", name="n_not_negative"),
        Index(None, "fetched_at"),
    )

    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    creator: Mapped[str]
    """The platform's id of the account, or `@handle` in lower case where only the handle is known."""
    kind: Mapped[str]
    posts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    """The listed posts with their counts, as `ListedPost`, so that each can be compared with the others."""
    n: Mapped[int] = mapped_column(server_default=text("0"))
    """How many of them are comparable. The columns up to the quartiles describe the list; no verdict reads them."""
    metric: Mapped[str | None]
    median: Mapped[Decimal | None] = mapped_column(Numeric)
    lower_quartile: Mapped[Decimal | None] = mapped_column(Numeric)
    upper_quartile: Mapped[Decimal | None] = mapped_column(Numeric)
    has_exact_times: Mapped[bool] = mapped_column(server_default=text("true"))
    fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_stand_in: Mapped[bool] = mapped_column(server_default=text("false"))
    error: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """Why the last try gave no list, as `{category, message}`."""
    claimed_by: Mapped[uuid.UUID | None]
    """The lease owner: the attempt that is reading the list. No other one does so until `claimed_until`."""
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    scrape_job: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """A vendor's running job for the list, a `ScrapeJob`; the next attempt polls it by its id."""
