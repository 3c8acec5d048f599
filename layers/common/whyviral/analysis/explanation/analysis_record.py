"""The record of an analysis: the answer, the evidence behind it, and the model that gave it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from whyviral.analysis.explanation.provenance import StandInPart
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.social.creator_baselines.comparison import CreatorBaseline
from whyviral.social.media.service import may_get_more
from whyviral.social.models import Post
from whyviral.social.post_urls import find_canonical_url

from .answer import PROSE_FIELDS, AnalystAnswer, ContentObservation
from .ask_model import Explanation
from .attachments import exhibit_record
from .checked_answer import CheckedAnswer
from .claims.written_claim import rendered
from .evidence import Evidence
from .media_choice import Reason

_IN_REACH = frozenset({Reason.NOT_READ, Reason.NO_TIME})
"""Reasons that may have passed at the next try."""


def analysis_columns(
    post: Post,
    explanation: Explanation,
    spent: Sequence[ExternalCall],
    *,
    question_sha256: str | None,
    storage_is_stand_in: bool,
) -> dict[str, Any]:
    """Return the columns of a `PostAnalysis`.

    Args:
        post: the explained post, with its media.
        explanation: the valid answer.
        spent: every call that was made for the explanation.
        question_sha256: digest of the question as it was first asked; a retry compares its own with it. None if no
            model answered.
        storage_is_stand_in: whether files came from a stand-in's storage.
    """
    fields = seed_fields(explanation.checked)
    return fields | {
        "metrics": post.metrics,
        "is_viral": explanation.evidence.verdict.is_viral,
        "analysis_data": fields | claims_record(explanation.checked, explanation.evidence),
        "metadata_used": {
            **_evidence_used(post, explanation.evidence),
            **_model_used(explanation, spent),
            **({} if question_sha256 is None else {"question_sha256": question_sha256}),
            "stand_ins": _stand_ins(post, explanation, storage_is_stand_in=storage_is_stand_in),
        },
    }


def measured_record(evidence: Evidence, *, measured_at: datetime) -> dict[str, Any]:
    """Return what is known of a post without a model: the document behind `MeasuredOut`."""
    return {
        "facts": [asdict(fact) for fact in evidence.facts],
        "verdict": asdict(evidence.verdict),
        "not_observable": [asdict(each) for each in evidence.not_observable],
        "measured_at": measured_at.isoformat(),
        "baseline_posts": list(_sample(evidence)),
    }


def _sample(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield the posts of the creator's baseline that have an address, in ascending order of the compared count."""
    if isinstance(evidence.baseline, CreatorBaseline):
        for post in evidence.baseline.posts:
            if (url := find_canonical_url(evidence.post.platform, post.post_id)) is not None:
                posted_at = None if post.posted_at is None else post.posted_at.isoformat()
                yield {"url": url, "count": post.count, "posted_at": posted_at}


def seed_fields(checked: CheckedAnswer) -> dict[str, Any]:
    """Return the fields of an explanation as prose, each claim with its citations."""
    fields: dict[str, Any] = {}
    for name, information in AnalystAnswer.model_fields.items():
        if information.annotation is ContentObservation:
            parts = ContentObservation.model_fields
            fields[name] = {part: " ".join(map(rendered, checked.of(f"{name}.{part}"))) for part in parts}
        else:
            texts = [rendered(claim) for claim in checked.of(name)]
            fields[name] = " ".join(texts) if name in PROSE_FIELDS else texts
    return fields


def claims_record(checked: CheckedAnswer, evidence: Evidence) -> dict[str, Any]:
    """Return the claims, the evidence that they cite, and what was refused, as they are saved and served."""
    cited = {id_ for each in checked.claims for id_ in each.claim.evidence}
    return {
        "claims": [{"field": each.field, **each.claim.model_dump(mode="json")} for each in checked.claims],
        "evidence": [
            {"id": source.id, "kind": source.kind.value, "label": source.label, "excerpt": source.excerpt}
            for source in evidence.sources.values()
            if source.id in cited
        ],
        "refused_claims": [
            asdict(each) | {"evidence": list(each.evidence), "reasons": list(each.reasons)} for each in checked.refused
        ],
        "computed_fields": list(checked.computed_fields),
    }


def is_partial(post: Post, evidence: Evidence) -> bool:
    """Whether the analysis lacks something that another try may get."""
    was_in_reach = any(left_out.reason in _IN_REACH for left_out in evidence.left_out)
    return was_in_reach or any(may_get_more(medium) for medium in post.media)


def _evidence_used(post: Post, evidence: Evidence) -> dict[str, Any]:
    return {
        "facts": [asdict(fact) for fact in evidence.facts],
        "verdict": asdict(evidence.verdict),
        "not_observable": [asdict(each) for each in evidence.not_observable],
        "media_sent": [attachment.as_record() for attachment in evidence.attachments],
        "media_left_out": [
            {**exhibit_record(left_out.exhibit), "reason": left_out.reason.value} for left_out in evidence.left_out
        ],
        "transcripts": [
            {
                "media_id": str(medium.id),
                "source": medium.transcript_source,
                "language": medium.language,
                "is_truncated": medium.transcript_truncated,
            }
            for medium in post.media
            if medium.transcript_source
        ],
        "transcript_spans": [
            {"id": span.id, "video": span.video, "from_s": span.start_s, "to_s": span.end_s} for span in evidence.spans
        ],
        "gaps": list(evidence.gaps),
    }


def _model_used(explanation: Explanation, spent: Sequence[ExternalCall]) -> dict[str, Any]:
    costs = [call.cost_usd for call in spent]  # of calls, not of replies: a call without an answer may cost as well
    return {
        "provider": explanation.reply.provider,
        "model": explanation.reply.model,
        "prompt_version": explanation.prompt_version,
        "input_tokens": sum(call.input_tokens or 0 for call in spent),
        "output_tokens": sum(call.output_tokens or 0 for call in spent),
        "cost_usd": None if None in costs else float(sum(cost for cost in costs if cost is not None)),
    }


def _stand_ins(post: Post, explanation: Explanation, *, storage_is_stand_in: bool) -> list[StandInPart]:
    """Return the parts of the analysis that came from a stand-in."""
    was_read = any(attachment.is_inline for attachment in explanation.evidence.attachments)
    claims = {
        StandInPart.POST: post.is_stand_in,
        StandInPart.STORAGE: was_read and storage_is_stand_in,
        StandInPart.MODEL: explanation.reply.is_stand_in,
    }
    return [name for name, is_one in claims.items() if is_one]
