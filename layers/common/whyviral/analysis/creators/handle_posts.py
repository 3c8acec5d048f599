"""Chooses the posts of a request for a handle: lists the creator's posts, ranks them and takes the best."""

import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.models import PostAnalysisRequest, PostState, Stage
from whyviral.analysis.pipeline import RequestJob, lock_current
from whyviral.analysis.repository import request_queries
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListingPending, PostKind
from whyviral.social.creator_baselines import repository as baseline_repository
from whyviral.social.creator_baselines import service as baseline_service
from whyviral.social.creator_baselines.creators import key_of
from whyviral.social.creator_baselines.ranking import CreatorList, rank_posts
from whyviral.social.creator_baselines.service import Busy, Claimed, Fresh
from whyviral.social.platforms import Platform
from whyviral.social.post_urls import canonical_url_of
from whyviral.usage.handles import name_slots
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from .baseline_fetcher import BaselineLimits, ListSource
from .capped_calls import CappedCalls

_KINDS: Mapping[Platform, Sequence[PostKind]] = {
    Platform.X: (PostKind.POST,),
    Platform.INSTAGRAM: (PostKind.REEL, PostKind.PHOTO),
    Platform.YOUTUBE: (PostKind.LONG, PostKind.SHORT),
}
"""The kinds of posts from which the best are chosen; finished broadcasts are not among them."""
_PATH_WORDS = {PostKind.REEL: "reel", PostKind.SHORT: "shorts"}
_BUSY_WAIT_S = 2.0
_OUTAGE_WAIT_S = 5.0
_CALL_S = 14.0
"""Of one call: a name and two lists fit the function's 60 s, in which paid results must also be saved."""
_EMPTY = "This account shows no public posts that are at least two days old."


@dataclass(frozen=True, slots=True)
class PostsChosen:
    """The posts of the request are chosen, or an earlier run has chosen them."""


@dataclass(frozen=True, slots=True)
class PostsPending:
    """The lists are not complete yet."""

    wait_s: float
    failure: ProviderError | None = None
    """The failure for which the next try has to wait; None if nothing has failed."""


type Choice = PostsChosen | PostsPending | ProviderError
"""A `ProviderError` is the reason why no posts can be chosen."""


class HandlePosts:
    """Chooses posts with the collaborators of the scrape function."""

    def __init__(
        self,
        engine: Engine,
        *,
        sources: Mapping[Platform, ListSource],
        list_limits: BaselineLimits,
        limits: SpendLimits,
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine = engine
        self._sources = sources
        self._list_limits = list_limits
        self._limits = limits
        self._clock = clock
        self._sleep = sleep

    def choose(self, job: RequestJob, request: PostAnalysisRequest) -> Choice:
        """List what is not listed yet, and choose the posts once every list is there.

        Args:
            job: the attempt.
            request: a request for a handle without posts, as read by this run.
        """
        platform = Platform(request.platform)
        handle, wanted = request.handle or "", request.handle_posts or 1
        try:
            creator = self._resolve(job, platform, handle)
            lists = [self._list(job, platform, creator, kind) for kind in _KINDS[platform]]
        except ProviderError as failure:
            return _pending_or_failed(failure)
        pending = [each for each in lists if isinstance(each, PostsPending)]
        if pending:
            return min(pending, key=lambda each: each.wait_s)
        return self._save_choice(job, platform, [each for each in lists if isinstance(each, uuid.UUID)], wanted)

    def _open_ledger(self, job: RequestJob) -> Ledger:
        return Ledger(
            self._engine, job, Stage.FETCHING_POSTS, limits=self._limits, clock=self._clock, sleep=self._sleep
        )

    def _resolve(self, job: RequestJob, platform: Platform, handle: str) -> Creator:
        """Return the account of a handle.

        Raises:
            ProviderError: there is none, or it is not known now.
        """
        calls = self._open_ledger(job)
        try:
            lister = self._sources[platform].build_lister(calls=CappedCalls(calls, self._list_limits.per_list_usd))
            return lister.resolve(handle, timeout_s=_CALL_S)
        finally:
            with session_scope(self._engine) as session:
                record_calls(session, job, calls.drain(), step=Stage.FETCHING_POSTS)

    def _list(self, job: RequestJob, platform: Platform, creator: Creator, kind: PostKind) -> uuid.UUID | PostsPending:
        """Return the id of the stored list of one kind, or how long to wait for it.

        Raises:
            ProviderError: there is no list.
        """
        source = self._sources[platform]
        with session_scope(self._engine) as session:
            lock_current(session, job)  # the request before the list, as everywhere
            claim = baseline_service.claim(
                session,
                (platform, key_of(creator), kind),
                lease_owner=job.lease_owner,
                now=self._clock(),
                is_stand_in=source.is_stand_in,
            )
            if isinstance(claim, Fresh):
                baseline_service.raise_stored_failure(session, claim.id)
                return claim.id
        if isinstance(claim, Busy):
            return PostsPending(_BUSY_WAIT_S)
        return self._read_list(job, source, creator, kind, claim)

    def _read_list(
        self, job: RequestJob, source: ListSource, creator: Creator, kind: PostKind, claim: Claimed
    ) -> uuid.UUID | PostsPending:
        calls = self._open_ledger(job)
        outcome: CreatorListing | ListingPending | ProviderError
        try:
            lister = source.build_lister(calls=CappedCalls(calls, self._list_limits.per_list_usd))
            outcome = lister.list_posts(creator, kind, job=claim.job, timeout_s=_CALL_S)
        except ProviderError as failure:
            outcome = failure
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.FETCHING_POSTS)
            lock_current(session, job)
            now = self._clock()
            match outcome:
                case CreatorListing():
                    baseline_service.save_listing(
                        session, claim.id, outcome, kind=kind, now=now, is_stand_in=source.is_stand_in
                    )
                    return claim.id
                case ListingPending():
                    baseline_service.save_job(session, claim.id, outcome.job, is_stand_in=source.is_stand_in)
                    return PostsPending(outcome.wait_s)
                case _:
                    baseline_service.save_failure(session, claim.id, outcome, now=now, is_stand_in=source.is_stand_in)
        raise outcome

    def _save_choice(self, job: RequestJob, platform: Platform, list_ids: Sequence[uuid.UUID], wanted: int) -> Choice:
        """Insert the best posts as the URLs of the request, and give them the reserved slots."""
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None or request.post_urls:
                return PostsChosen()
            best = rank_posts(_lists(session, list_ids))[:wanted]
            if not best:
                return ProviderError(_EMPTY, provider=str(platform), category=ErrorCategory.NOT_FOUND)
            rows = [
                {
                    "request_id": request.id,
                    "position": position,
                    "url": canonical_url_of(platform, ranked.post.post_id),
                    "platform_post_id": ranked.post.post_id,
                    "path_word": _PATH_WORDS.get(ranked.post.kind) if ranked.post.kind else None,
                    "state": PostState.PENDING,
                }
                for position, ranked in enumerate(best)
            ]
            urls = [str(row["url"]) for row in rows]
            request.post_urls = urls
            request_queries.insert_request_posts(session, rows)
            name_slots(session, request.id, urls)
            return PostsChosen()


def _lists(session: Session, list_ids: Sequence[uuid.UUID]) -> list[CreatorList]:
    rows = [row for each in list_ids if (row := baseline_repository.get_by_id(session, each)) is not None]
    return [
        CreatorList(baseline_service.posts_of(row), row.fetched_at, has_exact_times=row.has_exact_times)
        for row in rows
        if row.fetched_at is not None
    ]


def _pending_or_failed(failure: ProviderError) -> PostsPending | ProviderError:
    if not failure.is_transient:
        return failure
    return PostsPending(failure.retry_after_s or _OUTAGE_WAIT_S, failure)


def wait_of(pending: PostsPending, *, elapsed: timedelta, budget: timedelta, outage_budget: timedelta) -> int | None:
    """Return the seconds to wait for the lists, or None if the stage has no time left.

    Args:
        pending: what is waited for.
        elapsed: the time since the execution began.
        budget: the time of the stage.
        outage_budget: the time for a source that fails without asking us to slow down.
    """
    wait_s = max(1, math.ceil(pending.wait_s))
    failure = pending.failure
    is_outage = failure is not None and failure.category is not ErrorCategory.RATE_LIMIT
    return wait_s if elapsed + timedelta(seconds=wait_s) <= (outage_budget if is_outage else budget) else None
