"""Factories of rows for tests: each function creates a row with the rows that it requires, and flushes.

Keyword arguments set the row's columns; the other columns have default values.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.fakes.analyst import VALID_ANSWER
from whyviral.accounts.models import Plan, Subscription, SubscriptionStatus, User
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.virality import judge
from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    PostState,
    Stage,
)
from whyviral.analysis.sharing.models import ShareLink
from whyviral.analysis.suggestions.models import Suggestion
from whyviral.chat.models import ChatMessage, ChatMessageChunk, ChatSession
from whyviral.core.database import Base
from whyviral.notes.models import AnalysisNote
from whyviral.social.models import Post, PostActivity, PostComments, PostMedia, UserPostActivity
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.webhooks.outgoing.models import OutgoingDelivery, OutgoingEndpoint

_numbers = count(1)
METADATA_USED = {
    "facts": [asdict(Fact("F1", "likes", 300_000, "likes", "x metrics"))],
    "verdict": asdict(judge([])),
    "media_sent": [],
    "media_left_out": [],
    "transcripts": [],
    "transcript_spans": [],
    "gaps": [],
    "provider": "gemini",
    "model": "gemini-3.8-flash",
    "prompt_version": "v3",
    "input_tokens": 100,
    "output_tokens": 50,
    "cost_usd": 0.001234,
    "stand_ins": [],
}
NO_CLAIMS: dict[str, Any] = {"claims": [], "evidence": [], "refused_claims": [], "computed_fields": []}


def create_user(session: Session, **columns: Any) -> User:
    number = next(_numbers)
    return _add(
        session,
        User(
            **{"clerk_user_id": f"user_{number:027}", "email": f"user-{number}@example.com", "email_verified": True}
            | columns
        ),
    )


def create_subscription(session: Session, user: User, *, plan: str = "free", **columns: Any) -> Subscription:
    """Create a user's subscription to a plan, given by its slug."""
    plan_id = session.scalars(select(Plan.id).where(Plan.slug == plan)).one()
    return _add(
        session,
        Subscription(**{"user_id": user.id, "plan_id": plan_id, "status": SubscriptionStatus.ACTIVE} | columns),
    )


def create_usage(session: Session, user: User, **columns: Any) -> UserUsage:
    return _add(session, UserUsage(**{"user_id": user.id, "usage_date": date(2026, 11, 25), "platform": "x"} | columns))


def create_reservation(session: Session, request: PostAnalysisRequest, **columns: Any) -> UsageReservation:
    """Create the reservation of one URL of a request; the user's usage does not change."""
    url = {"url": f"https://x.com/i/status/{next(_numbers)}", "usage_date": date(2026, 11, 25)}
    whose = {"user_id": request.user_id, "request_id": request.id, "platform": request.platform}
    return _add(session, UsageReservation(**url | whose | columns))


def create_post(session: Session, **columns: Any) -> Post:
    """Create a fetched text post of X."""
    post_id = str(1_000_000_000_000_000_000 + next(_numbers))
    return _add(
        session,
        Post(
            **{
                "platform": "x",
                "platform_post_id": post_id,
                "url": f"https://x.com/i/status/{post_id}",
                "username": "jack",
                "content": "just setting up my twttr",
                "language": "en",
                "posted_at": datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC),
                "metrics": {"likes": 300_000, "comments": 17_000, "shares": 124_000},
                "fetched_at": datetime(2026, 11, 1, tzinfo=UTC),
            }
            | columns
        ),
    )


def create_media(session: Session, post: Post, **columns: Any) -> PostMedia:
    number = next(_numbers)
    return _add(
        session,
        PostMedia(
            **{
                "post_id": post.id,
                "position": number,
                "kind": "image",
                "source_url": f"https://pbs.twimg.com/media/{number}.jpg",
            }
            | columns
        ),
    )


def create_comments(session: Session, post: Post, **columns: Any) -> PostComments:
    return _add(session, PostComments(**{"post_id": post.id, "comments": [{"text": "first"}]} | columns))


def create_activity(session: Session, user: User, post: Post, **columns: Any) -> UserPostActivity:
    activity = {"user_id": user.id, "post_id": post.id, "activity": PostActivity.ANALYSED}
    return _add(session, UserPostActivity(**activity | columns))


def create_request(
    session: Session, user: User, posts: Sequence[Post] = (), *, state: PostState = PostState.FETCHED, **columns: Any
) -> PostAnalysisRequest:
    """Create a request for existing posts, all in the state `state`."""
    request = _add(
        session,
        PostAnalysisRequest(
            **{"user_id": user.id, "platform": "x", "post_urls": [post.url for post in posts]} | columns
        ),
    )
    for position, post in enumerate(posts):
        asked = {"url": post.url, "platform_post_id": post.platform_post_id, "post_id": post.id}
        _add(session, AnalysisRequestPost(request_id=request.id, position=position, state=state, **asked))
    return request


def create_status(session: Session, request: PostAnalysisRequest, **columns: Any) -> AnalysisStatus:
    """Create the next step of a request's history."""
    request.status_seq += 1
    return _add(
        session,
        AnalysisStatus(
            **{
                "request_id": request.id,
                "seq": request.status_seq,
                "attempt": request.attempt,
                "stage": Stage.FETCHING_POSTS,
                "progress": 10,
                "message": "Fetching 1 post",
            }
            | columns
        ),
    )


def create_analysis(session: Session, request: PostAnalysisRequest, post: Post, **columns: Any) -> PostAnalysis:
    return _add(
        session,
        PostAnalysis(
            **{
                "request_id": request.id,
                "post_id": post.id,
                "metrics": post.metrics,
                "is_viral": True,
                "virality_reasoning": "It is the first post of the platform.",
                "quick_takeaways": ["Be first.", "Be short.", "Be yourself."],
                "creator_context": "A founder of the platform.",
                "content_observation": VALID_ANSWER["content_observation"],
                "replicable_elements": ["Brevity"],
                "viral_formula": "A first time, said plainly.",
                "improvements": ["Say what it is for."],
                "suggestions_for_future_posts": ["One", "Two", "Three", "Four"],
                "analysis_data": {**VALID_ANSWER, **NO_CLAIMS},
                "metadata_used": METADATA_USED,
            }
            | columns
        ),
    )


def create_suggestion(session: Session, analysis: PostAnalysis, **columns: Any) -> Suggestion:
    """Create the first suggestion of an analysis, which is not marked."""
    row = {"post_analysis_id": analysis.id, "position": 1, "text": "One"}
    return _add(session, Suggestion(**row | columns))


def create_share_link(session: Session, request: PostAnalysisRequest, *, token: str) -> ShareLink:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return _add(session, ShareLink(request_id=request.id, token_sha256=digest))


def create_endpoint(session: Session, user: User, **columns: Any) -> OutgoingEndpoint:
    endpoint = {
        "user_id": user.id,
        "url": "https://hooks.example.com/",
        "events": ["analysis.completed", "analysis.failed"],
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    }
    return _add(session, OutgoingEndpoint(**endpoint | columns))


def create_delivery(session: Session, endpoint: OutgoingEndpoint, **columns: Any) -> OutgoingDelivery:
    now = datetime.now(UTC)
    delivery = {"endpoint_id": endpoint.id, "type": "webhook.test", "data": {}, "attempts_left": 10}
    return _add(session, OutgoingDelivery(**delivery | {"next_attempt_at": now, "requeue_at": now} | columns))


def create_note(session: Session, user: User, analysis: PostAnalysis, **columns: Any) -> AnalysisNote:
    note = {"user_id": user.id, "post_analysis_id": analysis.id, "title": "Idea", "content": "Be short."}
    return _add(session, AnalysisNote(**note | columns))


def create_chat(
    session: Session, user: User, analysis: PostAnalysis, *, pieces: Sequence[str] = ("Because.",), **answer: Any
) -> ChatMessage:
    """Create a session with a question, its answer and the answer's pieces; return the answer."""
    chat = _add(session, ChatSession(user_id=user.id, post_analysis_id=analysis.id, message_seq=2))
    question = {"role": "user", "status": "complete", "content": "Why?"}
    _add(session, ChatMessage(session_id=chat.id, seq=1, **question))
    columns = {"role": "assistant", "status": "complete", "content": "".join(pieces)} | answer
    message = _add(session, ChatMessage(session_id=chat.id, seq=2, **columns))
    if pieces:
        _add(session, ChatMessageChunk(message_id=message.id, first_seq=1, pieces=list(pieces)))
    return message


def _add[Row: Base](session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row
