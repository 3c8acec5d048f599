"""The single posts of a creator's baseline, as saved with an analysis: they are kept as long as lists of posts are."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisRequestPost

KEY = "baseline_posts"
"""The key in `analysis_request_posts.measured`; see `MeasuredOut`."""
_SEARCHED = timedelta(days=60)
"""Rows are searched for this long after their samples expired, so that a daily run need not read every document."""


def forget_old(session: Session, *, before: datetime, limit: int) -> int:
    """Remove the samples of at most `limit` posts that were last measured before a time, and return their number."""
    row = AnalysisRequestPost
    old = (
        select(row.id)
        .where(row.updated_at < before, row.updated_at > before - _SEARCHED, row.measured.has_key(KEY))
        .limit(limit)
    )
    changed = session.scalars(
        update(row).where(row.id.in_(old)).values(measured=row.measured.delete_path([KEY])).returning(row.id)
    )
    return len(changed.all())
