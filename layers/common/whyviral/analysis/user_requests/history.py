"""The list of a user's requests, newest first, whole or filtered."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, all_, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest, RequestStatus
from whyviral.core.pagination import Page, PageQuery
from whyviral.social.models import Post
from whyviral.social.platforms import Platform

MAX_SEARCH_CHARACTERS = 200
SEARCH_PATTERN = r"^[^\x00]*[^\s\x00-\x1f][^\x00]*$"
"""A search has a word. Postgres cannot store the character NUL in a text."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests to list. The default lists all of them."""

    search: str | None = None
    """Words, each of which occurs somewhere in a request's handle, name, URLs, or its posts' authors and texts."""
    statuses: Sequence[RequestStatus] = ()
    """Any of these; empty: all."""
    platform: Platform | None = None


EVERY_REQUEST = RequestFilter()


def list_requests(
    session: Session, user_id: uuid.UUID, number: int, only: RequestFilter = EVERY_REQUEST
) -> Page[PostAnalysisRequest]:
    """Return one page of the user's requests, newest first, in one statement for any filter.

    Args:
        session: the transaction.
        user_id: the user.
        number: the page; the first is 1.
        only: which of the requests.
    """
    if only == EVERY_REQUEST:
        return _ALL.read(session, number, {"user_id": user_id})
    return PageQuery(_OWN.where(*_conditions(only))).read(session, number, {"user_id": user_id})


_OWN = (
    select(PostAnalysisRequest)
    .where(PostAnalysisRequest.user_id == bindparam("user_id"), PostAnalysisRequest.deleted_at.is_(None))
    .order_by(PostAnalysisRequest.created_at.desc(), PostAnalysisRequest.id)
)
_ALL = PageQuery(_OWN)
"""Built once, because building it takes longer than the database takes to answer it."""


def _conditions(only: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if only.statuses:
        conditions.append(PostAnalysisRequest.status.in_(only.statuses))
    if only.platform is not None:
        conditions.append(PostAnalysisRequest.platform == only.platform)
    if only.search is not None:
        patterns = [f"%{_WILDCARDS.sub(r'\\\g<0>', word)}%" for word in only.search.split()]
        conditions.append(_searched_text().bool_op("ilike")(all_(literal(patterns, ARRAY(TEXT)))))
    return conditions


_WILDCARDS = re.compile(r"[\\%_]")


def _searched_text() -> ColumnElement[str]:
    """Return the text of a request and of all its posts, so that one expression is compared with every word.

    No index can find a part of a word without an extension. The condition on the user limits what is read: a search
    took 1 s for a user with 20,000 requests.
    """
    title, name = Post.details["title"].astext, Post.author["display_name"].astext
    of_post = func.concat_ws(" ", AnalysisRequestPost.url, Post.username, name, title, Post.content)
    of_posts = (
        select(func.string_agg(of_post, " "))
        .outerjoin_from(AnalysisRequestPost, Post, Post.id == AnalysisRequestPost.post_id)
        .where(AnalysisRequestPost.request_id == PostAnalysisRequest.id)
        .correlate(PostAnalysisRequest)
        .scalar_subquery()
    )
    urls = func.array_to_string(PostAnalysisRequest.post_urls, " ")
    return func.concat_ws(" ", PostAnalysisRequest.handle, PostAnalysisRequest.display_name, urls, of_posts)
