"""Compares the post that a user made from a suggestion with the original post; pure arithmetic on saved values."""

from collections.abc import Mapping
from typing import Any

from .schemas import FollowUpOut, FollowUpResultOut, SuggestionOut

_DIGITS = 3


def suggestion_out(row: Mapping[str, Any], original: Mapping[str, Any]) -> SuggestionOut:
    """Return a suggestion with what became of it.

    Args:
        row: the suggestion, as `repository.suggestions_of_request` returns it.
        original: `metadata_used` of the analysis that made the suggestion.
    """
    follow_up = None
    if row["done_at"] is not None:
        result = None if row["result"] is None else _result(row["result"], original)
        follow_up = FollowUpOut(url=row["new_url"], done_at=row["done_at"], result=result)
    return SuggestionOut(id=row["id"], position=row["position"], text=row["text"], follow_up=follow_up)


def _result(new: Mapping[str, Any], original: Mapping[str, Any]) -> FollowUpResultOut:
    verdict, before = new["verdict"], original["verdict"]
    is_same_rule = verdict["rule"] == before["rule"]
    ratio, ratio_before = new["outlier_ratio"], _outlier_ratio(original)
    return FollowUpResultOut(
        request_id=new["request_id"],
        post_id=new["post_id"],
        measured_at=new["measured_at"],
        is_viral=verdict["is_viral"],
        score=verdict["score"],
        score_change=round(verdict["score"] - before["score"], _DIGITS) if is_same_rule else None,
        outlier_ratio=ratio,
        outlier_ratio_change=round(ratio / ratio_before, _DIGITS) if ratio is not None and ratio_before else None,
    )


def _outlier_ratio(original: Mapping[str, Any]) -> float | None:
    return next((fact["value"] for fact in original["facts"] if fact["name"] == "outlier_ratio"), None)
