"""Every query of public posts."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, collate, delete, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.integrations.ports.post_scraper import ScrapedComment, ScrapedPost

from .engagement import engagement_score
from .models import DEAD_LINK, Post, PostActivity, PostComments, PostMedia, UserPostActivity


def claim_posts(
    session: Session,
    platform: str,
    urls_by_id: Mapping[str, str],
    *,
    lease_owner: uuid.UUID,
    now: datetime,
    lease: timedelta,
    fresh_since: datetime,
    is_stand_in: bool,
) -> list[Post]:
    """Claim, in one statement, every post that is neither fresh nor claimed by another lease owner.

    Rows are locked in the order of their ids, here and in `lock_posts`, so that two transactions never deadlock.
    """
    rows = [
        {
            "platform": platform,
            "platform_post_id": post_id,
            "url": urls_by_id[post_id],
            "claimed_by": lease_owner,
            "claimed_until": now + lease,
        }
        for post_id in sorted(urls_by_id)
    ]
    statement = upsert(Post).values(rows)
    free = or_(Post.claimed_until.is_(None), Post.claimed_until < now, Post.claimed_by == lease_owner)
    claimed = statement.on_conflict_do_update(
        index_elements=[Post.platform, Post.platform_post_id],
        set_={"claimed_by": lease_owner, "claimed_until": now + lease, "updated_at": func.now()},
        where=and_(_is_stale(fresh_since, is_stand_in=is_stand_in), free),
    ).returning(Post)
    return list(session.scalars(claimed, execution_options={"populate_existing": True}))


def list_fresh_posts(
    session: Session, platform: str, platform_post_ids: Collection[str], *, fresh_since: datetime, is_stand_in: bool
) -> list[Post]:
    """Return those of the posts that are fresh enough to be reused."""
    return list(
        session.scalars(
            select(Post).where(
                Post.platform == platform,
                Post.platform_post_id.in_(platform_post_ids),
                not_(_is_stale(fresh_since, is_stand_in=is_stand_in)),
            )
        )
    )


def lock_posts(session: Session, platform: str, platform_post_ids: Collection[str]) -> list[Post]:
    """Lock and return those of the posts that exist, in the lock order of `claim_posts`."""
    return list(
        session.scalars(
            select(Post)
            .where(Post.platform == platform, Post.platform_post_id.in_(platform_post_ids))
            .order_by(collate(Post.platform_post_id, "C"))
            # FOR NO KEY UPDATE, so that inserts of rows that reference a post do not wait.
            .with_for_update(key_share=True)
        )
    )


def update_fetched_post(post: Post, scraped: ScrapedPost, *, fetched_at: datetime, is_stand_in: bool) -> None:
    """Overwrite the post with the fetched values and clear its claim and its job."""
    post.username = scraped.author.username or None
    post.author = asdict(scraped.author)
    post.content = scraped.text
    post.language = scraped.language
    post.posted_at = scraped.posted_at
    post.metrics = dict(scraped.metrics)
    post.engagement_score = engagement_score(scraped.metrics, scraped.author.followers)
    post.details = dict(scraped.details)
    post.raw = dict(scraped.raw)
    post.fetched_at = fetched_at
    post.is_stand_in = is_stand_in
    post.claimed_by = post.claimed_until = post.scrape_job = None


def save_comments(
    session: Session, scraped_by_post: Sequence[tuple[Post, ScrapedPost]], *, distrusted: Collection[uuid.UUID]
) -> None:
    """Replace the comments of posts that were fetched with comments, in at most two statements.

    The saved comments of posts in `distrusted` are deleted in any case.
    """
    if distrusted:
        session.execute(delete(PostComments).where(PostComments.post_id.in_(distrusted)))
    rows = [
        {"post_id": post.id, "comments": [_comment_as_json(comment) for comment in scraped.comments]}
        for post, scraped in scraped_by_post
        if scraped.comments
    ]
    if rows:
        statement = upsert(PostComments).values(rows)
        updates = {"comments": statement.excluded.comments, "updated_at": func.now()}
        session.execute(statement.on_conflict_do_update(index_elements=[PostComments.post_id], set_=updates))


def release_claims(
    session: Session, platform: str, platform_post_ids: Collection[str], *, lease_owner: uuid.UUID
) -> None:
    """Release this owner's leases; posts that were never fetched and have no job are deleted."""
    lock_posts(session, platform, platform_post_ids)
    claimed = and_(
        Post.platform == platform,
        Post.platform_post_id.in_(platform_post_ids),
        Post.claimed_by == lease_owner,
    )
    session.execute(delete(Post).where(claimed, Post.fetched_at.is_(None), Post.scrape_job.is_(None)))
    session.execute(update(Post).where(claimed).values(claimed_by=None, claimed_until=None))


def record_activity(
    session: Session, user_id: uuid.UUID, post_ids: Collection[uuid.UUID], activity: PostActivity
) -> None:
    """Record an activity of a user with posts, or update the time of earlier ones, in one statement."""
    rows = [{"user_id": user_id, "post_id": post_id, "activity": activity} for post_id in sorted(post_ids)]
    session.execute(
        upsert(UserPostActivity)
        .values(rows)
        .on_conflict_do_update(
            index_elements=[UserPostActivity.user_id, UserPostActivity.post_id, UserPostActivity.activity],
            set_={"updated_at": func.now()},
        )
    )


def _is_stale(fresh_since: datetime, *, is_stand_in: bool) -> ColumnElement[bool]:
    """A post is stale if it was never fetched, too long ago or from another source, or has a dead media link."""
    dead_links = select(PostMedia.id).where(PostMedia.post_id == Post.id, PostMedia.error.has_key(DEAD_LINK))
    return or_(
        Post.fetched_at.is_(None),
        Post.fetched_at < fresh_since,
        Post.is_stand_in != is_stand_in,
        dead_links.correlate(Post).exists(),
    )


def _comment_as_json(comment: ScrapedComment) -> dict[str, Any]:
    posted_at = comment.posted_at.isoformat() if comment.posted_at else None
    return asdict(comment) | {"posted_at": posted_at}
