"""The activity `viewed`: a first read of a request's detail records it, and polls do not repeat it."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_activity, create_post, create_request
from tests.functions.api.conftest import SignedIn
from whyviral.analysis.user_requests.views import VIEW_INTERVAL
from whyviral.core.clock import utc_now
from whyviral.social.models import UserPostActivity

LIST = "/api/analysis/requests/"


def views_of(rows: Session, user: SignedIn) -> dict[str, UserPostActivity]:
    rows.rollback()
    rows.expire_all()
    found = rows.scalars(
        select(UserPostActivity).where(UserPostActivity.user_id == user.user.id, UserPostActivity.activity == "viewed")
    )
    return {str(view.post_id): view for view in found}


def test_a_read_records_a_view_of_each_fetched_post(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    posts = [create_post(rows) for _ in range(2)]
    request = create_request(rows, free_user.user, posts)
    request_without_posts = create_request(rows, free_user.user)
    rows.commit()

    replies = [client.get(f"{LIST}{each.id}/", headers=free_user.headers) for each in (request, request_without_posts)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert views_of(rows, free_user).keys() == {str(post.id) for post in posts}


def test_polls_do_not_repeat_a_recent_view(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)])
    rows.commit()

    times = set()
    for _ in range(3):
        client.get(f"{LIST}{request.id}/", headers=free_user.headers)
        times |= {view.updated_at for view in views_of(rows, free_user).values()}

    assert len(times) == 1


def test_a_view_long_after_the_last_one_updates_its_time(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    post = create_post(rows)
    request = create_request(rows, free_user.user, [post])
    long_ago = utc_now() - VIEW_INTERVAL - timedelta(minutes=1)
    create_activity(rows, free_user.user, post, activity="viewed", created_at=long_ago, updated_at=long_ago)
    rows.commit()

    client.get(f"{LIST}{request.id}/", headers=free_user.headers)

    view = views_of(rows, free_user)[str(post.id)]
    assert (view.created_at, view.updated_at > long_ago) == (long_ago, True)


def test_a_refused_read_records_no_view(
    client: TestClient, free_user: SignedIn, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    request = create_request(rows, sign_in().user, [create_post(rows)])
    rows.commit()

    client.get(f"{LIST}{request.id}/", headers=free_user.headers)

    assert views_of(rows, free_user) == {}
