"""Admission of a call: all of its posts are admitted, or none."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from tests.factories import create_post, create_request, create_subscription, create_user
from whyviral.accounts.models import Plan, User
from whyviral.accounts.service import NoCurrentPlan
from whyviral.analysis.admission import (
    InvalidPostUrls,
    PlanUrlLimitExceeded,
    TooManyUrls,
    admit,
    count_again,
    parse_post_urls,
)
from whyviral.analysis.models import AnalysisRequestPost, AnalysisStatus, PostAnalysisRequest, PostState
from whyviral.social.post_urls import PostUrl
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.usage.service import UsageLimitReached, settle_usage

X = "https://x.com/jack/status/20"
YOUTUBE = "https://youtu.be/dQw4w9WgXcQ"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
INSTAGRAM = "https://www.instagram.com/p/C0abcdefghi/"


def x_posts(number: int) -> list[PostUrl]:
    return parse_post_urls([f"https://x.com/jack/status/{post_id}" for post_id in range(1, number + 1)])


def arn_of(request_id: uuid.UUID, attempt: int) -> str:
    return f"arn:{request_id}-{attempt}"


@pytest.fixture
def user(session: Session) -> User:
    user = create_user(session)
    create_subscription(session, user)
    return user


def test_duplicate_urls_are_one_post_and_the_order_is_kept() -> None:
    posts = parse_post_urls([YOUTUBE, X, "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=1", "twitter.com/a/status/20"])

    assert [post.canonical_url for post in posts] == [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://x.com/i/status/20",
    ]


def test_a_call_with_more_than_100_urls_is_rejected_without_parsing() -> None:
    assert len(parse_post_urls([X] * 100)) == 1
    with pytest.raises(TooManyUrls) as caught:
        parse_post_urls(["no URL"] * 101)
    assert caught.value.details == {"given": 101, "max": 100}


def test_every_invalid_url_of_a_call_is_listed_with_its_reason() -> None:
    with pytest.raises(InvalidPostUrls) as caught:
        parse_post_urls(["https://x.com/jack", X, "https://example.com/"])

    assert (
        caught.value.message
        == "2 of 3 URLs cannot be analysed, so no analysis was started. See the reasons in details."
    )
    assert caught.value.details == [
        {
            "url": "https://x.com/jack",
            "reason": "not_a_post",
            "message": "This link is a profile, list or search, not one post: open the post itself and copy its link.",
        },
        {
            "url": "https://example.com/",
            "reason": "unsupported_host",
            "message": "Only Instagram, X and YouTube posts can be analysed: "
            "paste the post's own link, not a short or mirrored one.",
        },
    ]


def test_the_error_about_a_single_invalid_url_is_in_the_singular() -> None:
    with pytest.raises(InvalidPostUrls, match="The URL cannot be analysed"):
        parse_post_urls(["https://example.com/"])


def test_a_call_creates_one_request_per_platform_with_posts_and_first_status(session: Session, user: User) -> None:
    requests = admit(session, user.id, parse_post_urls([YOUTUBE, X, INSTAGRAM]), execution_arn_of=arn_of, now=NOON)

    session.expire_all()
    saved = {
        request.id: request
        for request in session.scalars(
            select(PostAnalysisRequest)
            .where(PostAnalysisRequest.user_id == user.id)
            .options(selectinload(PostAnalysisRequest.posts), selectinload(PostAnalysisRequest.status_history))
        )
    }
    assert [request.platform for request in requests] == ["instagram", "x", "youtube"]
    assert saved.keys() == {request.id for request in requests}
    for request in saved.values():
        assert (request.status, request.attempt, request.status_seq) == ("PENDING", 1, 1)
        assert request.execution_arn == arn_of(request.id, 1)
        assert [post.url for post in request.posts] == request.post_urls
        assert [(step.seq, step.stage, step.progress) for step in request.status_history] == [(1, "request_created", 0)]


@pytest.mark.parametrize(("plan", "max_urls"), [("free", 5), ("pro", 20), ("business", 50)])
def test_a_call_may_have_exactly_as_many_urls_as_the_plan_allows(session: Session, plan: str, max_urls: int) -> None:
    user = create_user(session)
    create_subscription(session, user, plan=plan)

    for allowed in (max_urls - 1, max_urls):
        assert len(admit(session, user.id, x_posts(allowed), execution_arn_of=arn_of, now=NOON)) == 1
    with pytest.raises(PlanUrlLimitExceeded) as caught:
        admit(session, user.id, x_posts(max_urls + 1), execution_arn_of=arn_of, now=NOON)

    assert caught.value.details == {"given": max_urls + 1, "max_urls": max_urls, "plan": plan.capitalize()}


def test_the_url_limit_counts_all_platforms_of_a_call(session: Session, user: User) -> None:
    with pytest.raises(PlanUrlLimitExceeded):
        admit(
            session, user.id, [*x_posts(4), *parse_post_urls([YOUTUBE, INSTAGRAM])], execution_arn_of=arn_of, now=NOON
        )


@pytest.mark.parametrize("has_plan", [True, False])
def test_a_rejected_call_writes_nothing(session: Session, has_plan: bool) -> None:
    user = create_user(session)
    if has_plan:
        create_subscription(session, user)

    with pytest.raises(PlanUrlLimitExceeded if has_plan else NoCurrentPlan):
        admit(session, user.id, x_posts(6), execution_arn_of=arn_of, now=NOON)

    tables = (PostAnalysisRequest, AnalysisRequestPost, AnalysisStatus, UserUsage, UsageReservation)
    assert [session.scalar(select(func.count()).select_from(table)) for table in tables] == [0, 0, 0, 0, 0]


def test_admitted_posts_are_counted_and_reserved_for_their_requests(session: Session, user: User) -> None:
    requests = admit(session, user.id, parse_post_urls([YOUTUBE, X]), execution_arn_of=arn_of, now=NOON)

    reserved = session.execute(
        select(UsageReservation.request_id, UsageReservation.url, UsageReservation.state).order_by(
            UsageReservation.platform
        )
    ).all()
    assert [tuple(row) for row in reserved] == [(request.id, request.post_urls[0], "held") for request in requests]
    assert session.scalars(select(UserUsage.url_lookups).where(UserUsage.user_id == user.id)).all() == [1, 1]


def test_the_daily_limit_holds_over_several_calls(session: Session, user: User) -> None:
    for _ in range(2):
        admit(session, user.id, x_posts(5), execution_arn_of=arn_of, now=NOON)

    with pytest.raises(UsageLimitReached), session.begin_nested():
        admit(session, user.id, x_posts(1), execution_arn_of=arn_of, now=NOON)
    admit(session, user.id, x_posts(5), execution_arn_of=arn_of, now=NOON + timedelta(hours=12))

    assert session.scalar(select(func.count()).select_from(PostAnalysisRequest)) == 3


def test_a_call_is_checked_against_the_current_plan(session: Session) -> None:
    user = create_user(session)
    subscription = create_subscription(session, user, plan="business")
    admit(session, user.id, x_posts(50), execution_arn_of=arn_of, now=NOON)

    subscription.plan_id = session.scalars(select(Plan.id).where(Plan.slug == "free")).one()
    session.flush()

    with pytest.raises(UsageLimitReached) as refusal:
        admit(session, user.id, x_posts(1), execution_arn_of=arn_of, now=NOON)
    assert isinstance(refusal.value.details, dict)
    assert (refusal.value.details["used"], refusal.value.details["limit"]) == (50, 10)


def test_a_retry_counts_only_posts_without_an_analysis(session: Session, user: User) -> None:
    (request,) = admit(session, user.id, x_posts(3), execution_arn_of=arn_of, now=NOON)
    settle_usage(session, request.id, explained=request.post_urls[:1], suggestions=4)

    count_again(session, request, request.post_urls[1:], now=NOON)

    states = session.scalars(select(UsageReservation.state).order_by(UsageReservation.url)).all()
    assert states == ["charged", "held", "held"]
    assert session.scalars(select(UserUsage.url_lookups)).one() == 3


def test_a_retry_counts_a_request_that_was_never_counted_before(session: Session, user: User) -> None:
    request = create_request(session, user, [create_post(session)], state=PostState.FAILED)

    count_again(session, request, request.post_urls, now=NOON)

    assert session.scalars(select(UserUsage.url_lookups)).one() == 1
