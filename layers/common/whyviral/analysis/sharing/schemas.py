"""The public part of a report: no notes, chats, costs, models or ids of users and requests."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from whyviral.analysis.explanation.provenance import StandInPart
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.not_observable import NotObservable
from whyviral.analysis.facts.virality import Verdict
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.schemas import ClaimOut, EvidenceOut, ExplanationOut
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.platforms import Platform
from whyviral.social.schemas import Seconds


class ShareLinkOut(BaseModel):
    """A new share link. It is shown once, because only a hash of it is stored."""

    url: Annotated[
        str,
        Field(
            description="A page that shows the report to anyone with this URL, until it is revoked or replaced. The "
            "token is the part behind `#`, which browsers do not send to servers."
        ),
    ]


class SharedMediaOut(BaseModel):
    """One image or video of a shared post, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    kind: MediaKind
    supabase_url: str | None
    thumbnail_url: str | None
    width: int | None
    height: int | None
    duration_s: Seconds | None


class SharedSourceOut(BaseModel):
    """A public post as last fetched."""

    model_config = ConfigDict(from_attributes=True)

    username: str | None
    content: str | None
    posted_at: datetime | None
    metrics: dict[str, int]
    is_stand_in: bool
    media: list[SharedMediaOut]


class SharedMeasurementsOut(BaseModel):
    """The facts and the verdict of a shared post."""

    facts: list[Fact]
    verdict: Verdict
    not_observable: list[NotObservable]


class SharedExplanationOut(ExplanationOut):
    """The explanation of a shared post, with its claims and their evidence."""

    claims: list[ClaimOut]
    evidence: list[EvidenceOut]
    gaps: Annotated[list[str], Field(description="What could not be measured or read of the post.")]
    stand_ins: list[StandInPart]


class SharedPostOut(BaseModel):
    """One post of a shared report."""

    url: str
    post: Annotated[SharedSourceOut | None, Field(description="Null if the post could not be fetched.")]
    measured: Annotated[SharedMeasurementsOut | None, Field(description="Null if nothing was measured.")]
    explanation: Annotated[SharedExplanationOut | None, Field(description="Null if the post was not explained.")]
    error: Annotated[str | None, Field(description="Why the post has no explanation, in one sentence.")]


class SharedReport(BaseModel):
    """The public part of an analysis request."""

    platform: Platform
    display_name: str | None
    status: RequestStatus
    created_at: datetime
    posts: list[SharedPostOut]
