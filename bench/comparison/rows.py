"""The rows that both services read: users with ended requests, each with posts, media, a history and analyses."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from whyviral.accounts.models import IS_CURRENT, Plan, Subscription, User
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import judge
from whyviral.analysis.models import AnalysisRequestPost, AnalysisStatus, PostAnalysis, PostAnalysisRequest, Stage
from whyviral.core.database import Base
from whyviral.social.models import Post, PostMedia
from whyviral.usage.models import UserUsage

POSTS = 3
_FACTS = 12
_WORDS = [
    "hook",
    "cut",
    "sound",
    "caption",
    "loop",
    "reveal",
    "pace",
    "contrast",
    "promise",
    "proof",
    "story",
    "question",
    "surprise",
    "detail",
    "number",
]
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
    for table in (Post, PostMedia, PostAnalysisRequest, AnalysisRequestPost, AnalysisStatus, PostAnalysis):
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
        asked = {"request_id": request_id, "position": position, "url": post["url"], "post_id": post["id"]}
        yield Post, post
        yield PostMedia, _medium(rng, post)
        yield AnalysisRequestPost, asked | {"platform_post_id": post["platform_post_id"], "state": "ANALYSED"}
        yield PostAnalysis, _analysis(rng, request_id, post, created_at + timedelta(seconds=position))


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


def _status(rng: random.Random, request_id: uuid.UUID, seq: int, stage: Stage, created_at: datetime) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "seq": seq,
        "attempt": 1,
        "stage": stage,
        "progress": (seq - 1) * 20,
        "message": _text(rng, 5),
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
        "author": {"name": _text(rng, 2), "followers": rng.randrange(10**6)},
        "content": _text(rng, 30),
        "language": "en",
        "posted_at": _NOON - timedelta(hours=rng.randrange(5000)),
        "metrics": {name: rng.randrange(10**6) for name in ("likes", "comments", "shares", "views")},
        "engagement_score": Decimal(rng.randrange(100)),
        "transcript": _text(rng, 150),
        "details": {"hashtags": _text(rng, 3).split()},
        "raw": {f"field_{number}": _text(rng, 10) for number in range(40)},
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
        "segments": [{"start_s": float(at), "end_s": at + 1.0, "text": _text(rng, 5)} for at in range(30)],
        "transcript_source": "whisper",
        "language": "en",
        "has_speech": True,
    }


def _analysis(rng: random.Random, request_id: uuid.UUID, post: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    lines = [_text(rng, 12) for _ in range(4)]
    observation = {name: _text(rng, 12) for name in ("hook", "tone", "format", "audience")}
    answer = {
        "virality_reasoning": _text(rng, 80),
        "quick_takeaways": lines,
        "creator_context": _text(rng, 30),
        "content_observation": observation,
        "replicable_elements": lines,
        "viral_formula": _text(rng, 15),
        "improvements": lines,
        "suggestions_for_future_posts": lines,
    }
    return answer | {
        "request_id": request_id,
        "post_id": post["id"],
        "metrics": post["metrics"],
        "is_viral": rng.random() < 0.3,  # noqa: PLR2004 - a third, say
        "analysis_data": answer,
        "metadata_used": _metadata(rng),
        "created_at": created_at,
    }


def _metadata(rng: random.Random) -> dict[str, Any]:
    facts = [Fact(f"F{n}", _text(rng, 2), rng.randrange(10**6), "likes", "x metrics") for n in range(1, _FACTS + 1)]
    return {
        "facts": [asdict(fact) for fact in facts],
        "verdict": asdict(judge([])),
        "media_sent": [],
        "media_left_out": [],
        "transcripts": [],
        "transcript_spans": [{"id": f"T{n}", "video": 1, "from_s": float(n), "to_s": n + 4.0} for n in range(1, 6)],
        "gaps": [],
        "provider": "gemini",
        "model": "gemini-3.8-flash",
        "prompt_version": "v3",
        "input_tokens": 3000,
        "output_tokens": 900,
        "cost_usd": 0.0081,
        "stand_ins": [],
    }
