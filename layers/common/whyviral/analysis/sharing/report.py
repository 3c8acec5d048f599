"""Builds the public part of a report from an analysis request and its posts."""

import uuid
from collections.abc import Mapping, Sequence

from whyviral.analysis.schemas import ExplanationOut, PostAnalysisOut, RequestDetail, RequestPostOut
from whyviral.social.models import Post

from .schemas import SharedExplanationOut, SharedMeasurementsOut, SharedPostOut, SharedReport, SharedSourceOut


def public_report(request: RequestDetail, posts: Sequence[Post]) -> SharedReport:
    """Return the public part of a request, its posts in the order of its URLs.

    Every field is named here and in the schemas, so that a new field of a request stays private until it is added.

    Args:
        request: the request with its URLs and analyses.
        posts: its fetched posts with their media.
    """
    sources = {post.id: post for post in posts}
    analyses = {analysis.post_id: analysis for analysis in request.post_analyses}
    return SharedReport(
        platform=request.platform,
        display_name=request.display_name,
        status=request.status,
        created_at=request.created_at,
        posts=[_post(row, sources, analyses) for row in request.posts],
    )


def _post(
    row: RequestPostOut, sources: Mapping[uuid.UUID, Post], analyses: Mapping[uuid.UUID, PostAnalysisOut]
) -> SharedPostOut:
    source = sources.get(row.post_id) if row.post_id else None
    analysis = analyses.get(row.post_id) if row.post_id else None
    return SharedPostOut(
        url=row.url,
        post=None if source is None else SharedSourceOut.model_validate(source),
        measured=_measurements(row, analysis),
        explanation=None if analysis is None else _explanation(analysis),
        error=None if analysis is not None else row.error,
    )


def _measurements(row: RequestPostOut, analysis: PostAnalysisOut | None) -> SharedMeasurementsOut | None:
    """Return the measurements that the explanation rests on, or else those of a post without one."""
    found = row.measured if analysis is None else analysis.metadata_used
    if found is None:
        return None
    return SharedMeasurementsOut(facts=found.facts, verdict=found.verdict, not_observable=found.not_observable)


def _explanation(analysis: PostAnalysisOut) -> SharedExplanationOut:
    return SharedExplanationOut(
        **{name: getattr(analysis, name) for name in ExplanationOut.model_fields},
        claims=analysis.analysis_data.claims,
        evidence=analysis.analysis_data.evidence,
        gaps=analysis.metadata_used.gaps,
        stand_ins=analysis.metadata_used.stand_ins,
    )
