"""The evidence from which a post is explained: facts, transcript, media, and the gaps in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.not_observable import NotObservable, list_not_observable
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.analysis.facts.virality import NOT_COMPARED, Verdict, judge
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import TranscriptSource
from whyviral.social.creator_baselines.comparison import Baseline
from whyviral.social.models import Post, PostMedia
from whyviral.social.platforms import Platform
from whyviral.social.transcripts import from_json

from .attachments import Attachment
from .claims.source import Source, by_id, fact_source, medium_source, span_source
from .media_choice import LeftOut, Reason, named_media
from .post_data import cited_words
from .transcript_spans import TranscriptSpan, transcript_spans


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of one question to the model."""

    post: PostSnapshot
    facts: tuple[Fact, ...]
    verdict: Verdict
    spans: Sequence[TranscriptSpan] = ()
    is_transcript_cut: bool = False
    """Whether words had to be left out of the spans."""
    attachments: Sequence[Attachment] = ()
    left_out: Sequence[LeftOut] = ()
    gaps: Sequence[str] = ()
    """Things about the post that could not be found out, in our words."""
    baseline: Baseline = NOT_COMPARED
    """The creator's other posts, with which facts and verdict compare the post."""
    not_observable: Sequence[NotObservable] = ()
    """Things about the post that no public source shows."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return all that an answer may cite, by id."""
        spans = [
            span_source(span.id, video=span.video, start_s=span.start_s, end_s=span.end_s, text=span.text)
            for span in self.spans
        ]
        media = [medium_source(each.id, label=each.exhibit.label, at_s=each.exhibit.at_s) for each in self.attachments]
        return by_id([*map(fact_source, self.facts), *spans, *media, *cited_words(self.post)])

    def without(self, refused: Sequence[Attachment]) -> "Evidence":
        """Return the same without media that the model refused; those that are left get new ids."""
        kept = [each for each in self.attachments if each not in refused]
        return replace(
            self,
            attachments=[replace(each, id=f"M{number}") for number, each in enumerate(kept, start=1)],
            left_out=[*self.left_out, *(LeftOut(each.exhibit, Reason.REFUSED) for each in refused)],
        )


def gather_evidence(
    post: Post,
    comments: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    baseline: Baseline = NOT_COMPARED,
    was_chosen_as_best: bool = False,
) -> Evidence:
    """Return the evidence about a post before its media are read.

    Args:
        post: the post with its media.
        comments: its saved comments.
        now: stands in for the time of measurement if that is unknown.
        baseline: the creator's other posts, or why they are not known.
        was_chosen_as_best: whether the post was picked as one of the creator's best; see `judge`.
    """
    snapshot = snapshot_of(post, comments)
    facts = compute_facts(snapshot, measured_at=post.fetched_at or now, baseline=baseline)
    spans, is_cut = transcript_spans(snapshot.media or ())
    return Evidence(
        post=snapshot,
        facts=facts,
        verdict=judge(facts, baseline, was_chosen_as_best=was_chosen_as_best),
        spans=spans,
        is_transcript_cut=is_cut,
        gaps=list(_gaps(post.media)),
        baseline=baseline,
        not_observable=list_not_observable(facts, platform=snapshot.platform, baseline=baseline),
    )


def snapshot_of(post: Post, comments: Sequence[Mapping[str, Any]]) -> PostSnapshot:
    """Return a stored post in the form from which facts are computed."""
    return PostSnapshot(
        platform=Platform(post.platform),
        text=post.content or "",
        username=post.username,
        posted_at=post.posted_at,
        metrics=post.metrics,
        followers=(post.author or {}).get("followers"),
        language=post.language,
        media=[_medium(medium) for medium in post.media],
        details=post.details,
        comments=comments,
    )


def _medium(medium: PostMedia) -> MediumSnapshot:
    source = TranscriptSource(medium.transcript_source) if medium.transcript_source else None
    segments = from_json(medium.segments or [])
    return MediumSnapshot(
        kind=MediaKind(medium.kind),
        duration_s=None if medium.duration_s is None else float(medium.duration_s),
        width=medium.width,
        height=medium.height,
        measurements=medium.measurements or {},
        has_speech=bool(segments) if source and medium.has_speech is None else medium.has_speech,
        segments=segments,
        transcript_source=source,
        transcript_language=medium.language,
        is_transcript_truncated=medium.transcript_truncated,
    )


def _gaps(media: Sequence[PostMedia]) -> Iterator[str]:
    for label, medium in named_media(media):
        if medium.kind == MediaKind.VIDEO:
            if medium.transcript_truncated:
                yield f"{label}: the transcript is not whole: not all of its sound could be heard."
            elif medium.has_speech is None and medium.transcript_source is None:
                yield f"{label}: there is no transcript, so it is not known whether anything is said{_because(medium)}."


def _because(medium: PostMedia) -> str:
    # The category and not the message, which is for users and may one day quote what it is about.
    category = str((medium.error or {}).get("category"))
    return f" ({ErrorCategory(category)})" if category in ErrorCategory else ""
