"""The rows that both services read: users with ended requests, each with posts, media, a history and analyses.

The first suggestion of each request is followed up with the second post of the same request.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from bench.comparison.documents import SPEECH_S, explanation, findings, measured, measurements, metadata, words
from whyviral.accounts.models import IS_CURRENT, Plan, Subscription, User
from whyviral.analysis.models import AnalysisRequestPost, AnalysisStatus, PostAnalysis, PostAnalysisRequest, Stage
from whyviral.analysis.suggestions.models import Suggestion
from whyviral.core.database import Base
from whyviral.social.models import Post, PostMedia
from whyviral.usage.models import UserUsage

POSTS = 3
_STAGES = (
    Stage.REQUEST_CREATED,
    Stage.FETCHING_POSTS,
    Stage.SOCIAL_DATA_FETCHED,
    Stage.TRANSCRIBING,
    Stage.ANALYSING,
    Stage.ANALYSIS_COMPLETE,
)
_NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def fill(session: Session, user: User, *, requests: int, today: datetime) -> uuid.UUID:
    """Give a user the Business plan, some usage today, and ended requests of three posts; return the newest request."""
    plan_id = select(Plan.id).where(Plan.slug == "business").scalar_subquery()
    session.execute(update(Subscription).where(Subscription.user_id == user.id, IS_CURRENT).values(plan_id=plan_id))
    session.execute(
        insert(UserUsage).values(
            user_id=user.id, usage_date=today.date(), platform="x", url_lookups=7, questions_asked=2
        )
    )
    rng = random.Random(str(user.id))  # noqa: S311 - invented text
    rows: dict[type[Base], list[dict[str, Any]]] = {}
    newest = uuid.uuid4()
    for index in range(requests):
        request_id = newest if index == 0 else uuid.uuid4()
        for table, row in _request(rng, user.id, request_id, _NOON - timedelta(minutes=index)):
            rows.setdefault(table, []).append(row)
    tables = (Post, PostMedia, PostAnalysisRequest, AnalysisRequestPost, AnalysisStatus, PostAnalysis, Suggestion)
    for table in tables:
        session.execute(insert(table), rows[table])
    return newest


def analyse_tables(session: Session) -> None:
    """Give the planner its statistics; needs the owner of the tables."""
    session.execute(text("analyze"))


def _request(
    rng: random.Random, user_id: uuid.UUID, request_id: uuid.UUID, created_at: datetime
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    posts = [_post(rng) for _ in range(POSTS)]
    yield (
        PostAnalysisRequest,
        {
            "id": request_id,
            "user_id": user_id,
            "platform": "x",
            "post_urls": [post["url"] for post in posts],
            "display_name": f"{POSTS} posts of X",
            "status": "COMPLETED",
            "status_seq": len(_STAGES),
            "progress": 100,
            "results": {"posts": POSTS, "analysed": POSTS, "partial": 0, "failed": 0, "viral": 1},
            "posts_processed": POSTS,
            "total_api_calls": 4,
            "cost_usd": Decimal("0.024500"),
            "duration_seconds": Decimal("42.125"),
            "attempt_started_at": created_at,
            "created_at": created_at,
        },
    )
    for seq, stage in enumerate(_STAGES, start=1):
        yield AnalysisStatus, _status(rng, request_id, seq, stage, created_at)
    for position, post in enumerate(posts):
        found = findings(rng)
        yield Post, post
        yield PostMedia, _medium(rng, post)
        yield AnalysisRequestPost, _request_post(request_id, position, post) | {"measured": measured(rng, found)}
        analysis = _analysis(rng, request_id, post, found) | {"created_at": created_at + timedelta(seconds=position)}
        yield PostAnalysis, analysis
        for row in _suggestions(analysis, followed_up_with=posts[1] if position == 0 else None):
            yield Suggestion, row


def _request_post(request_id: uuid.UUID, position: int, post: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "position": position,
        "url": post["url"],
        "platform_post_id": post["platform_post_id"],
        "post_id": post["id"],
        "state": "ANALYSED",
    }


def _status(rng: random.Random, request_id: uuid.UUID, seq: int, stage: Stage, created_at: datetime) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "seq": seq,
        "attempt": 1,
        "stage": stage,
        "progress": (seq - 1) * 20,
        "message": words(rng, 5),
        "cost_usd": Decimal(seq) / 1000,
        "stage_cost_usd": Decimal("0.001"),
        "created_at": created_at + timedelta(seconds=seq),
    }


def _post(rng: random.Random) -> dict[str, Any]:
    post_id = str(rng.randrange(10**17, 10**18))
    return {
        "id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "platform": "x",
        "platform_post_id": post_id,
        "url": f"https://x.com/i/status/{post_id}",
        "username": f"creator{rng.randrange(97)}",
        "author": {"name": words(rng, 2), "followers": rng.randrange(10**6)},
        "content": words(rng, 30),
        "language": "en",
        "posted_at": _NOON - timedelta(hours=rng.randrange(5000)),
        "metrics": {name: rng.randrange(10**6) for name in ("likes", "comments", "shares", "views")},
        "engagement_score": Decimal(rng.randrange(100)),
        "transcript": words(rng, 150),
        "details": {"hashtags": words(rng, 3).split()},
        "raw": {f"field_{number}": words(rng, 10) for number in range(40)},
        "fetched_at": _NOON,
    }


def _medium(rng: random.Random, post: dict[str, Any]) -> dict[str, Any]:
    return {
        "post_id": post["id"],
        "position": 0,
        "kind": "video",
        "source_url": f"https://video.twimg.com/{post['platform_post_id']}.mp4",
        "content_type": "video/mp4",
        "supabase_url": f"https://example.supabase.co/storage/{post['platform_post_id']}.mp4",
        "duration_s": Decimal("31.500"),
        "width": 720,
        "height": 1280,
        "frames": [
            {"at_s": float(number), "path": f"{number}.jpg", "url": f"https://x/{number}"} for number in range(4)
        ],
        "transcript": post["transcript"],
        "segments": [{"start_s": float(at), "end_s": at + 1.0, "text": words(rng, 5)} for at in range(SPEECH_S)],
        "transcript_source": "whisper",
        "measurements": measurements(rng),
        "language": "en",
        "has_speech": True,
    }


def _analysis(rng: random.Random, request_id: uuid.UUID, post: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    prose, analysis_data = explanation(rng)
    return prose | {
        "id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "request_id": request_id,
        "post_id": post["id"],
        "metrics": post["metrics"],
        "is_viral": found["verdict"]["is_viral"],
        "analysis_data": analysis_data,
        "metadata_used": metadata(found),
    }


def _suggestions(analysis: dict[str, Any], *, followed_up_with: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield the suggestions of an analysis; the first may be followed up with a post."""
    for position, text_ in enumerate(analysis["suggestions_for_future_posts"], start=1):
        new = followed_up_with if position == 1 else None
        yield {
            "post_analysis_id": analysis["id"],
            "position": position,
            "text": text_,
            "done_at": new and _NOON,
            "new_url": new and new["url"],
            "new_platform": new and new["platform"],
            "new_platform_post_id": new and new["platform_post_id"],
        }
