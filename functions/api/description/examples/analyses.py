"""Examples of analyses: Ada's analysis of one post."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.analysis import RequestList
from whyviral.analysis import schemas
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.not_observable import NotObservable
from whyviral.analysis.facts.virality import Verdict

from .constants import ENDED_AT, MEDIA_ID, METRICS, PLATFORM, POST_ID, POST_URL, REQUEST_ID, STARTED_AT, page_of
from .suggestions import SUGGESTION


def _fact(number: int, name: str, value: object, unit: str, source: str) -> dict[str, Any]:
    fields = {"name": name, "value": value, "unit": unit, "source": source}
    return {"id": f"F{number}", **fields, "is_quotation": False}


_FACTS = [
    _fact(1, "likes", METRICS["likes"], "likes", "x metrics"),
    _fact(2, "comments", METRICS["comments"], "comments", "x metrics"),
    _fact(3, "shares", METRICS["shares"], "shares", "x metrics"),
    _fact(4, "views", METRICS["views"], "views", "x metrics"),
    _fact(5, "followers", 500_000, "accounts", "x author"),
    _fact(6, "engagements", 112_000, "engagements", "computed from F1, F2 and F3"),
    _fact(7, "engagements_per_view", 0.056, "ratio", "computed from F6 and F4"),
    _fact(8, "views_per_follower", 4.0, "ratio", "computed from F4 and F5"),
]
_VERDICT = {
    "is_viral": True,
    "rule": "v0.1",
    "score": 1.0,
    "threshold": 0.5,
    "n": 0,
    "confidence": "medium",
    "reasons": [
        "Reach: views is 2000000 [F4], 2 of 2 points (1 from 100000, 2 from 1000000).",
        "Spread beyond followers: views_per_follower is 4.0 [F8], 2 of 2 points (1 from 1, 2 from 3).",
        "Engagement strength: engagements_per_view is 0.056 [F7], which is high (high from 0.03, very high from 0.08);"
        " it does not decide.",
        "No baseline: not compared with other posts of this creator.",
    ],
}
_NOT_OBSERVABLE = {"name": "watch_time", "reason": "Only the creator sees how long viewers watched."}
_FRAME = {"kind": "frame", "media_id": MEDIA_ID, "at_s": 1.5}
_SENT = {**_FRAME, "id": "M1", "how": "inline", "bytes": 48_213}
_LEFT_OUT = {"kind": "video", "media_id": MEDIA_ID, "reason": "it is too large to send"}
_TRANSCRIPT = {"media_id": MEDIA_ID, "source": "whisper", "language": "en", "is_truncated": False}
_SPAN = {"id": "T1", "video": 1, "from_s": 0.0, "to_s": 2.5}
_COST_USD = 0.001234
POST_ANALYSIS_ID = "2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819"
_METADATA = {
    "facts": _FACTS,
    "verdict": _VERDICT,
    "not_observable": [_NOT_OBSERVABLE],
    "media_sent": [_SENT],
    "media_left_out": [_LEFT_OUT],
    "transcripts": [_TRANSCRIPT],
    "transcript_spans": [_SPAN],
    "gaps": [],
    "provider": "gemini",
    "model": "gemini-3.8-flash",
    "prompt_version": "v3",
    "question_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "input_tokens": 2_480,
    "output_tokens": 612,
    "cost_usd": _COST_USD,
    "stand_ins": [],
}
_OBSERVATION = {
    "hook": "The first words say that something new begins [T1].",
    "tone": "Plain and offhand.",
    "format": "One sentence with a short video [M1].",
    "audience": "People who follow new products.",
}
_EXPLANATION = {
    "virality_reasoning": "It was seen four times as often as its author has followers [F8].",
    "quick_takeaways": ["Say it first.", "Say it in one sentence.", "Show it at once [M1]."],
    "creator_context": "A founder with 500000 followers [F5].",
    "content_observation": _OBSERVATION,
    "replicable_elements": ["Announce something new in one plain sentence."],
    "viral_formula": "A first time, said plainly.",
    "improvements": ["Say what the product is for."],
    "suggestions_for_future_posts": [
        "Show the second step.",
        "Answer the most asked question.",
        "Tell how it began.",
        "Invite a first user.",
    ],
}
_CLAIM = {
    "field": "virality_reasoning",
    "text": "It was seen four times as often as its author has followers.",
    "kind": "measured",
    "evidence": ["F8"],
}
_EVIDENCE = {"id": "F8", "kind": "fact", "label": "views_per_follower", "excerpt": "4.0 ratio"}
_REFUSED_CLAIM = {
    "field": "quick_takeaways",
    "text": "It was shared 90,000 times.",
    "kind": "measured",
    "evidence": ["F3"],
    "reasons": ["the cited evidence does not give the number '90,000'"],
    "outcome": "dropped",
}
_ANALYSIS_DATA = {
    **_EXPLANATION,
    "claims": [_CLAIM],
    "evidence": [_EVIDENCE],
    "refused_claims": [_REFUSED_CLAIM],
    "computed_fields": [],
}
ANALYSIS: dict[str, Any] = {
    **_EXPLANATION,
    "id": POST_ANALYSIS_ID,
    "post_id": POST_ID,
    "metrics": METRICS,
    "is_viral": _VERDICT["is_viral"],
    "analysis_data": _ANALYSIS_DATA,
    "metadata_used": _METADATA,
    "suggestions": [SUGGESTION],
    "created_at": ENDED_AT,
}
_RESULTS = {"posts": 1, "analysed": 1, "partial": 0, "failed": 0, "viral": 1}
SUMMARY = {
    "id": REQUEST_ID,
    "platform": PLATFORM,
    "post_urls": [POST_URL],
    "handle": None,
    "handle_posts": None,
    "display_name": "jack: just setting up my twttr",
    "status": "COMPLETED",
    "progress": 100,
    "attempt": 1,
    "retry_count": 0,
    "max_retries": 3,
    "error_stage": None,
    "error_category": None,
    "error": None,
    "results": _RESULTS,
    "posts_processed": 1,
    "total_api_calls": 2,
    "cost_usd": _COST_USD,
    "duration_seconds": 72.0,
    "created_at": STARTED_AT,
    "updated_at": ENDED_AT,
}
STEP = {
    "seq": 9,
    "attempt": 1,
    "stage": "analysis_complete",
    "progress": 100,
    "message": "All posts are explained.",
    "cost_usd": _COST_USD,
    "stage_cost_usd": 0.0,
    "created_at": ENDED_AT,
}
_BASELINE_POST = {"url": "https://x.com/i/status/29", "count": 41_000, "posted_at": "2026-11-20T09:30:00Z"}
_MEASURED = {
    "facts": _FACTS,
    "verdict": _VERDICT,
    "not_observable": [_NOT_OBSERVABLE],
    "measured_at": STARTED_AT,
    "baseline_posts": [_BASELINE_POST],
}
POST_OF_REQUEST: dict[str, Any] = {
    "url": POST_URL,
    "state": "ANALYSED",
    "post_id": POST_ID,
    "is_partial": False,
    "error_category": None,
    "error": None,
    "measured": _MEASURED,
    "baseline_reason": "only 2 comparable posts of this creator, of the kind post",
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    Fact: _FACTS[-1],
    NotObservable: _NOT_OBSERVABLE,
    Verdict: _VERDICT,
    schemas.MediaSentOut: _SENT,
    schemas.MediaLeftOut: _LEFT_OUT,
    schemas.TranscriptUsedOut: _TRANSCRIPT,
    schemas.TranscriptSpanOut: _SPAN,
    schemas.MetadataUsed: _METADATA,
    schemas.ContentObservationOut: _OBSERVATION,
    schemas.ClaimOut: _CLAIM,
    schemas.EvidenceOut: _EVIDENCE,
    schemas.RefusedClaimOut: _REFUSED_CLAIM,
    schemas.AnalysisDataOut: _ANALYSIS_DATA,
    schemas.PostAnalysisOut: ANALYSIS,
    schemas.AnalyzeBody: {"post_urls": ["https://x.com/jack/status/20"]},
    schemas.AcceptedRequests: {"requests": [SUMMARY]},
    schemas.RequestResults: _RESULTS,
    schemas.RequestSummary: SUMMARY,
    RequestList: page_of(SUMMARY),
    schemas.StatusOut: STEP,
    schemas.BaselinePostOut: _BASELINE_POST,
    schemas.MeasuredOut: _MEASURED,
    schemas.RequestPostOut: POST_OF_REQUEST,
    schemas.RequestDetail: {
        **SUMMARY,
        "is_shared": False,
        "status_history": [STEP],
        "posts": [POST_OF_REQUEST],
        "post_analyses": [ANALYSIS],
    },
}
