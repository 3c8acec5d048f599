"""Every query of suggestions and of what became of them."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONPATH, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from whyviral.analysis.models import AnalysisRequestPost, PostAnalysis, PostAnalysisRequest
from whyviral.social.models import Post

from .models import Suggestion

_OUTLIER_RATIO = '$.facts[*] ? (@.name == "outlier_ratio").value'
_NewRequest = aliased(PostAnalysisRequest, name="new_request")
_NewEntry = aliased(AnalysisRequestPost, name="new_entry")
_NewPost = aliased(Post, name="new_post")


def save_suggestions(session: Session, post_analysis_id: uuid.UUID, texts: Sequence[str]) -> None:
    """Save the suggestions of an analysis; those that the user has marked as done stay as they are."""
    rows = [
        {"post_analysis_id": post_analysis_id, "position": position, "text": text}
        for position, text in enumerate(texts, start=1)
    ]
    statement = upsert(Suggestion).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Suggestion.post_analysis_id, Suggestion.position],
            set_={"text": statement.excluded.text, "updated_at": func.now()},
            where=Suggestion.done_at.is_(None),
        )
    )


def lock_suggestion(session: Session, user_id: uuid.UUID, suggestion_id: uuid.UUID) -> tuple[Suggestion, Post] | None:
    """Lock a suggestion of the user, and return it with the post that its analysis explains."""
    found = session.execute(
        select(Suggestion, Post)
        .join(PostAnalysis, PostAnalysis.id == Suggestion.post_analysis_id)
        .join(PostAnalysisRequest, PostAnalysisRequest.id == PostAnalysis.request_id)
        .join(Post, Post.id == PostAnalysis.post_id)
        .where(
            Suggestion.id == suggestion_id,
            PostAnalysisRequest.user_id == user_id,
            PostAnalysisRequest.deleted_at.is_(None),
        )
        .with_for_update(of=Suggestion)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def get_with_result(session: Session, suggestion_id: uuid.UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a suggestion as `suggestions_of_request` does, and `metadata_used` of its analysis."""
    row, metadata_used = session.execute(_ONE_WITH_RESULT, {"suggestion_id": suggestion_id}).one()
    return row, metadata_used


def suggestions_of_request() -> ScalarSelect[Any]:
    """Return the suggestions of a request of the enclosing query as one JSON array, in the order of each analysis."""
    in_order = aggregate_order_by(_as_json(), Suggestion.post_analysis_id, Suggestion.position)
    none: ColumnElement[Any] = literal_column("'[]'::json")
    return (
        select(func.coalesce(func.json_agg(in_order), none, type_=JSON))
        .select_from(Suggestion)
        .join(PostAnalysis, PostAnalysis.id == Suggestion.post_analysis_id)
        .where(PostAnalysis.request_id == PostAnalysisRequest.id)
        .correlate(PostAnalysisRequest)
        .scalar_subquery()
    )


def _as_json() -> ColumnElement[Any]:
    return func.json_build_object(
        *("id", Suggestion.id, "post_analysis_id", Suggestion.post_analysis_id),
        *("position", Suggestion.position, "text", Suggestion.text),
        *("done_at", Suggestion.done_at, "new_url", Suggestion.new_url, "result", _latest_result()),
        type_=JSON,
    )


def _latest_result() -> ScalarSelect[Any]:
    """Return what the same user's latest analysis of the new post has measured, null before there is one."""
    measured = _NewEntry.measured
    return (
        select(
            func.json_build_object(
                *("request_id", _NewRequest.id, "post_id", _NewPost.id),
                *("verdict", measured["verdict"], "measured_at", measured["measured_at"]),
                *("outlier_ratio", func.jsonb_path_query_first(measured, cast(_OUTLIER_RATIO, JSONPATH))),
                type_=JSON,
            )
        )
        .join(_NewEntry, _NewEntry.request_id == _NewRequest.id)
        .join(_NewPost, _NewPost.id == _NewEntry.post_id)
        .where(
            _NewPost.platform == Suggestion.new_platform,
            _NewPost.platform_post_id == Suggestion.new_platform_post_id,
            _NewRequest.user_id == PostAnalysisRequest.user_id,
            _NewRequest.deleted_at.is_(None),
            measured.is_not(None),
        )
        .order_by(_NewRequest.created_at.desc())
        .limit(1)
        .correlate(Suggestion, PostAnalysisRequest)
        .scalar_subquery()
    )


_ONE_WITH_RESULT = (
    select(_as_json(), PostAnalysis.metadata_used)
    .select_from(Suggestion)
    .join(PostAnalysis, PostAnalysis.id == Suggestion.post_analysis_id)
    .join(PostAnalysisRequest, PostAnalysisRequest.id == PostAnalysis.request_id)
    .where(Suggestion.id == bindparam("suggestion_id"))
)
