"""Request and response bodies of the analysis API."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from whyviral.analysis.explanation.claims.claim import ClaimKind, ClaimOutcome, SourceKind
from whyviral.analysis.explanation.provenance import Citation, SentAs, ShownAs, StandInPart
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.not_observable import NotObservable
from whyviral.analysis.facts.virality import Verdict
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.transcript import TranscriptSource
from whyviral.social.creator_baselines.comparison import MAX_POSTS
from whyviral.social.platforms import Platform
from whyviral.social.schemas import Seconds
from whyviral.vendor_calls.money import Usd

from .models import PostState, RequestStatus, Stage
from .suggestions.schemas import SuggestionOut

MAX_POSTS_OF_A_HANDLE = 5
DEFAULT_POSTS_OF_A_HANDLE = 3


class AnalyzeBody(BaseModel):
    """Posts to explain: URLs of any mix of platforms, or the best posts of one creator."""

    model_config = ConfigDict(extra="forbid")

    post_urls: Annotated[
        list[str] | None, Field(min_length=1, fail_fast=True, description="URLs as copied from the app or browser.")
    ] = None
    handle: Annotated[
        str | None,
        Field(min_length=1, max_length=2048, description="In place of URLs: a handle, or the URL of a profile."),
    ] = None
    platform: Annotated[Platform | None, Field(description="The platform of the handle; a URL names its own.")] = None
    posts: Annotated[
        int | None,
        Field(
            ge=1, le=MAX_POSTS_OF_A_HANDLE, strict=True, description="How many of the creator's posts; 3 by default."
        ),
    ] = None

    @model_validator(mode="after")
    def _names_urls_or_a_handle(self) -> Self:
        if (self.post_urls is None) == (self.handle is None):
            raise ValueError("send either post_urls or handle")
        if self.handle is None and (self.platform is not None or self.posts is not None):
            raise ValueError("platform and posts belong to handle, not to post_urls")
        return self


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RequestResults(BaseModel):
    """The outcomes of the posts of an ended request."""

    posts: int
    analysed: int
    partial: Annotated[int, Field(description="Analysed posts that lack some input, which a retry may get.")]
    failed: int
    viral: int


class RequestSummary(_Row):
    """An analysis request in a list."""

    id: uuid.UUID
    platform: Platform
    post_urls: list[str]
    handle: Annotated[str | None, Field(description="The creator whose best posts are explained; null for URLs.")]
    handle_posts: Annotated[int | None, Field(description="How many posts of the creator were asked for.")]
    display_name: str | None
    status: RequestStatus
    progress: int
    attempt: int
    retry_count: int
    max_retries: int
    error_stage: Stage | None
    error_category: ErrorCategory | None
    error: Annotated[str | None, Field(description="Why the request failed, in one sentence.")]
    results: RequestResults | None
    posts_processed: int
    total_api_calls: int
    cost_usd: Usd
    duration_seconds: Seconds | None
    created_at: datetime
    updated_at: datetime


class StatusOut(_Row):
    """One step of a request."""

    seq: int
    attempt: int
    stage: Stage
    progress: int
    message: str
    cost_usd: Usd | None
    stage_cost_usd: Annotated[Usd | None, Field(description="The part of `cost_usd` spent since the previous step.")]
    created_at: datetime


class BaselinePostOut(BaseModel):
    """One of the creator's posts with which the post is compared."""

    url: str
    count: Annotated[int, Field(description="Its views or likes, as the fact `baseline_metric` says.")]
    posted_at: Annotated[datetime | None, Field(description="Null if the creator's list shows no time.")]


class MeasuredOut(BaseModel):
    """The facts and the verdict of a post. They are saved before the model is asked, and stay if it fails."""

    facts: list[Fact]
    verdict: Verdict
    not_observable: Annotated[list[NotObservable], Field(description="What no public source shows about the post.")]
    measured_at: Annotated[datetime, Field(description="When the platform's counts were read.")]
    baseline_posts: Annotated[
        list[BaselinePostOut],
        Field(
            default_factory=list,
            max_length=MAX_POSTS,
            description="The creator's posts behind the `baseline_…` facts, by ascending count. Empty without a "
            "baseline, and from 30 days after the analysis on.",
        ),
    ]


class RequestPostOut(_Row):
    """One URL of a request with its progress, or the reason why it failed."""

    url: str
    state: PostState
    post_id: uuid.UUID | None
    is_partial: Annotated[
        bool,
        Field(
            description="Whether the analysis lacks some input that a retry may get. It stays readable until a better "
            "one replaces it."
        ),
    ]
    error_category: ErrorCategory | None
    error: str | None
    measured: Annotated[MeasuredOut | None, Field(description="Null until the post's media are processed.")]
    baseline_reason: Annotated[
        str | None, Field(description="Why the creator's other posts are not compared, if they were looked for.")
    ]


def _is_none(value: object) -> bool:
    return value is None


Absent = Field(exclude_if=_is_none)
"""A field that is omitted from the JSON if it has no value."""


class MediaExhibitOut(BaseModel):
    """A medium, or a moment of a video."""

    kind: ShownAs
    media_id: uuid.UUID
    at_s: Annotated[float | None, Absent, Field(description="The moment of a frame; absent for other kinds.")] = None


class MediaSentOut(MediaExhibitOut):
    """A medium that was sent to the model."""

    id: Citation
    how: SentAs
    bytes: Annotated[int | None, Field(description="Null if the model's vendor fetched it by URL.")]
    from_s: Annotated[float | None, Absent, Field(description="Only where fetched by URL.")] = None
    to_s: Annotated[float | None, Absent, Field(description="Only where fetched by URL.")] = None


class MediaLeftOut(MediaExhibitOut):
    """A medium that was not sent to the model."""

    reason: Annotated[str, Field(description="Why, in words that follow `because`.")]


class TranscriptUsedOut(BaseModel):
    """The transcript of one medium."""

    media_id: uuid.UUID
    source: TranscriptSource
    language: str | None
    is_truncated: bool


class TranscriptSpanOut(BaseModel):
    """A span of the transcript that the model can cite."""

    id: Citation
    video: Annotated[int, Field(description="Which video of the post, from 1.")]
    from_s: float
    to_s: float


class MetadataUsed(BaseModel):
    """The basis of an analysis: facts, verdict, media, transcript, model and cost."""

    facts: list[Fact]
    verdict: Verdict
    not_observable: Annotated[
        list[NotObservable], Field(default_factory=list, description="What no public source shows about the post.")
    ]
    media_sent: list[MediaSentOut]
    media_left_out: list[MediaLeftOut]
    transcripts: list[TranscriptUsedOut]
    transcript_spans: list[TranscriptSpanOut]
    gaps: Annotated[list[str], Field(description="What could not be measured or read of the post.")]
    provider: str
    model: str
    prompt_version: str
    question_sha256: Annotated[
        str | None,
        Absent,
        Field(description="Digest of the question; a retry with the same question keeps the analysis."),
    ] = None
    input_tokens: int
    output_tokens: int
    cost_usd: Annotated[float | None, Field(description="Null if the price of a call is not known.")]
    stand_ins: list[StandInPart]


class ContentObservationOut(BaseModel):
    """The post as a viewer experiences it."""

    hook: str
    tone: str
    format: str
    audience: str


class ExplanationOut(_Row):
    """The explanation as prose; it cites facts, spans, media, text and comments as [F1], [T1], [M1], [P1] and [C1]."""

    virality_reasoning: str
    quick_takeaways: list[str]
    creator_context: str
    content_observation: ContentObservationOut
    replicable_elements: list[str]
    viral_formula: str
    improvements: list[str]
    suggestions_for_future_posts: list[str]


class ClaimOut(BaseModel):
    """One statement of an explanation, with the evidence that proves it."""

    field: Annotated[str, Field(description="Where it stands, such as `content_observation.hook`.")]
    text: str
    kind: ClaimKind
    evidence: list[Citation]


class EvidenceOut(BaseModel):
    """Something that a claim cites."""

    id: Citation
    kind: SourceKind
    label: Annotated[str, Field(description="What it is: the name of a fact, or the place of words or of a picture.")]
    excerpt: Annotated[str | None, Field(description="Its value or the beginning of its words; null for a medium.")]


class RefusedClaimOut(BaseModel):
    """A claim of the model that its evidence did not prove, and what became of it."""

    field: str
    text: Annotated[str | None, Field(description="Null where it is not kept, such as a text with a link.")]
    kind: ClaimKind
    evidence: list[str]
    reasons: list[str]
    outcome: ClaimOutcome


class AnalysisDataOut(ExplanationOut):
    """The explanation with its claims, their evidence, and the claims that did not pass the check."""

    claims: list[ClaimOut]
    evidence: list[EvidenceOut]
    refused_claims: list[RefusedClaimOut]
    computed_fields: Annotated[
        list[str], Field(description="Fields in which computed claims stand for refused ones of the model.")
    ]


class PostAnalysisOut(ExplanationOut):
    """The analysis of why one post went viral, or did not."""

    id: uuid.UUID
    post_id: uuid.UUID
    metrics: dict[str, int]
    is_viral: Annotated[bool, Field(description="Computed from the facts, not by the model.")]
    analysis_data: AnalysisDataOut
    metadata_used: MetadataUsed
    suggestions: Annotated[
        list[SuggestionOut],
        Field(default_factory=list, description="`suggestions_for_future_posts` with ids, and what became of them."),
    ]
    created_at: datetime


class RequestDetail(RequestSummary):
    """An analysis request with its status history, its URLs and its analyses."""

    is_shared: Annotated[bool, Field(description="Whether a share link shows the report; the link itself is not kept.")]
    status_history: list[StatusOut]
    posts: list[RequestPostOut]
    post_analyses: list[PostAnalysisOut]


class AcceptedRequests(BaseModel):
    """The requests that one call created, one per platform."""

    requests: list[RequestSummary]
