"""The JSON documents of invented posts: measurements of a video, facts, explanations with claims, and their basis.

Times are written with `Z`, as the API answers them: the Django peer answers a stored document as it is.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from whyviral.analysis.explanation.analysis_record import seed_fields
from whyviral.analysis.explanation.answer import AnalystAnswer, ContentObservation, claims_of
from whyviral.analysis.explanation.checked_answer import CheckedAnswer
from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind, ClaimOutcome, SourceKind
from whyviral.analysis.explanation.claims.settlement import PlacedClaim
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.not_observable import list_not_observable
from whyviral.analysis.facts.virality import NOT_COMPARED, judge
from whyviral.analysis.models import SUGGESTIONS
from whyviral.social.platforms import Platform

SPEECH_S = 30
"""The length of a video's speech; it has a segment each second."""
MEASURED_AT = "2026-11-01T12:00:00Z"
_NUMBERS = ("likes", "comments", "shares", "views", "followers", "caption_words", "hashtags", "speech_words")
_RATIOS = ("outlier_ratio", "views_per_follower", "engagements_per_view", "shares_per_like")
_SPANS = 5
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


def words(rng: random.Random, number: int) -> str:
    """Return invented text."""
    return " ".join(rng.choices(_WORDS, k=number))


def measurements(rng: random.Random) -> dict[str, Any]:
    """Return what the worker measured of a video."""
    return {
        "cut_count": 20,
        "audio_loudness_lufs": -14.2,
        "timeline": {
            "version": 1,
            "cuts_s": [number * 1.5 for number in range(20)],
            "watched_s": 31.5,
            "levels_dbfs": [-rng.randrange(900) / 10 for _ in range(200)],
            "level_step_s": 0.16,
            "voices": [{"from_s": at + 0.1, "to_s": at + 0.9} for at in range(SPEECH_S)],
        },
    }


def findings(rng: random.Random) -> dict[str, Any]:
    """Return facts, verdict and what cannot be observed, which `measured` and `metadata_used` share."""
    values = {name: rng.randrange(10**6) for name in _NUMBERS} | {
        name: rng.randrange(1, 3000) / 100 for name in _RATIOS
    }
    facts = [Fact(f"F{n}", name, value, "times", "x metrics") for n, (name, value) in enumerate(values.items(), 1)]
    unknown = list_not_observable(facts, platform=Platform.X, baseline=NOT_COMPARED)
    return {
        "facts": [asdict(fact) for fact in facts],
        "verdict": asdict(judge(facts)),
        "not_observable": [asdict(each) for each in unknown],
    }


def measured(rng: random.Random, found: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a post without a model."""
    posts = [
        {"url": f"https://x.com/i/status/{rng.randrange(10**17, 10**18)}", "count": number, "posted_at": MEASURED_AT}
        for number in sorted(rng.randrange(10**6) for _ in range(20))
    ]
    return found | {"measured_at": MEASURED_AT, "baseline_posts": posts}


def explanation(rng: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the prose fields of an analysis, and its `analysis_data`."""
    placed = [PlacedClaim(field, claim) for field, claim in claims_of(_answer(rng))]
    prose = seed_fields(CheckedAnswer(claims=placed))
    refused = {
        "field": "improvements",
        "text": words(rng, 12),
        "kind": ClaimKind.MEASURED,
        "evidence": ["F99"],
        "reasons": ["F99 does not exist"],
        "outcome": ClaimOutcome.DROPPED,
    }
    return prose, prose | {
        "claims": [{"field": each.field, **each.claim.model_dump(mode="json")} for each in placed],
        "evidence": list(_evidence(rng)),
        "refused_claims": [refused],
        "computed_fields": ["improvements"],
    }


def _answer(rng: random.Random) -> AnalystAnswer:
    parts = {part: _cited_claim(rng, ClaimKind.OBSERVED) for part in ContentObservation.model_fields}
    return AnalystAnswer(
        virality_reasoning=_claims(rng, length=25),
        quick_takeaways=_claims(rng),
        creator_context=_claims(rng),
        content_observation=ContentObservation(**parts),
        replicable_elements=_claims(rng),
        viral_formula=_cited_claim(rng, ClaimKind.MEASURED),
        improvements=_claims(rng),
        suggestions_for_future_posts=_claims(rng),
    )


def _claims(rng: random.Random, *, length: int = 12) -> list[Claim]:
    """Return three claims that cite a fact, and an inference."""
    measured_ones = [_cited_claim(rng, ClaimKind.MEASURED, length=length) for _ in range(SUGGESTIONS - 1)]
    return [*measured_ones, Claim(text=f"{words(rng, length)}.", kind=ClaimKind.INFERENCE, evidence=[])]


def _cited_claim(rng: random.Random, kind: ClaimKind, *, length: int = 12) -> Claim:
    id_ = f"F{rng.randint(1, len(_NUMBERS))}" if kind is ClaimKind.MEASURED else f"T{rng.randint(1, _SPANS)}"
    return Claim(text=f"{words(rng, length)}.", kind=kind, evidence=[id_])


def _evidence(rng: random.Random) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(_NUMBERS, start=1):
        yield {"id": f"F{number}", "kind": SourceKind.FACT, "label": name, "excerpt": str(rng.randrange(10**6))}
    for number in range(1, _SPANS + 1):
        yield {"id": f"T{number}", "kind": SourceKind.SPAN, "label": "words of the video", "excerpt": words(rng, 10)}


def metadata(found: dict[str, Any]) -> dict[str, Any]:
    """Return the basis of an analysis."""
    return found | {
        "media_sent": [],
        "media_left_out": [],
        "transcripts": [],
        "transcript_spans": [
            {"id": f"T{n}", "video": 1, "from_s": float(n), "to_s": n + 4.0} for n in range(1, _SPANS + 1)
        ],
        "gaps": [],
        "provider": "gemini",
        "model": "gemini-3.8-flash",
        "prompt_version": "v3",
        "question_sha256": "0" * 64,
        "input_tokens": 3000,
        "output_tokens": 900,
        "cost_usd": 0.0081,
        "stand_ins": [],
    }
