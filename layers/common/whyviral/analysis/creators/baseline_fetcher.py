"""FetchBaselines: reads the recent posts of the creators of a request, once for all requests that need them."""

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisRequestPost, PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, StageResult, lock_current
from whyviral.analysis.repository import attempt_queries
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.creator_posts import Creator, CreatorLister, CreatorListing, ListingPending, PostKind
from whyviral.social.creator_baselines import repository as baseline_repository
from whyviral.social.creator_baselines import service as baseline_service
from whyviral.social.creator_baselines.creators import creator_of, key_of, kind_of
from whyviral.social.creator_baselines.service import Busy, Claimed, Fresh, Key
from whyviral.social.models import Post
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from .capped_calls import CappedCalls

_logger = build_logger("baselines")


class BaselineMode(StrEnum):
    """How much a list of a creator's posts may cost, and whether YouTube's Data API may give it.

    YouTube's terms restrict figures that are derived from its API: docs/decisions.md.
    """

    OFF = "off"
    CHEAP = "cheap"
    FULL = "full"
    CHEAP_WITHOUT_DATA_API = "cheap-without-data-api"
    FULL_WITHOUT_DATA_API = "full-without-data-api"

    @property
    def is_full(self) -> bool:
        """Whether a list may cost several cents and take more than a minute."""
        return self in (BaselineMode.FULL, BaselineMode.FULL_WITHOUT_DATA_API)

    @property
    def uses_data_api(self) -> bool:
        """Whether YouTube's lists may come from its Data API."""
        return self in (BaselineMode.CHEAP, BaselineMode.FULL)


@dataclass(frozen=True, slots=True)
class BaselineLimits:
    """The limits of a mode."""

    per_list_usd: Decimal
    budget: timedelta
    """From the start of the stage to the end of its last wait or call."""


CHEAP = BaselineLimits(Decimal("0.01"), timedelta(seconds=20))
FULL = BaselineLimits(Decimal("0.06"), timedelta(seconds=90))
_BUSY_WAIT_S = 2.0
_MIN_CALL_S = 1.0
_MAX_CALL_S = 15.0
_UNKNOWN_CREATOR = "the creator or the kind of this post is not known, or posts of its kind are not compared"
_LATE = "the list of the creator's posts was not ready in time; it serves the next analysis"


class BaselineJob(RequestJob):
    """The job of FetchBaselines; `started_at` is when the stage began."""

    started_at: datetime


class BuildLister(Protocol):
    """A factory of listers that report their calls to a recorder."""

    def __call__(self, *, calls: CallRecorder) -> CreatorLister:
        """Build a lister."""
        ...


@dataclass(frozen=True, slots=True)
class ListSource:
    """The source of a platform's lists: a lister, real or a stand-in."""

    build_lister: BuildLister
    is_stand_in: bool


@dataclass(slots=True)
class _Wanted:
    """One list, and the posts of the request that are compared with it."""

    creator: Creator
    kind: PostKind
    rows: list[uuid.UUID] = field(default_factory=list)


class BaselineFetcher:
    """Runs FetchBaselines with its collaborators. No failure of a list fails a request."""

    def __init__(
        self,
        engine: Engine,
        *,
        mode: BaselineMode,
        sources: Mapping[Platform, ListSource],
        limits: SpendLimits,
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine = engine
        self._mode = mode
        self._list_limits = FULL if mode.is_full else CHEAP
        self._sources = sources
        self._limits = limits
        self._clock = clock
        self._sleep = sleep

    def fetch(self, job: BaselineJob) -> StageResult:
        """Read the lists that can be read now.

        Returns:
            superseded; wait, with the seconds to wait; or fetched.
        """
        if self._mode is BaselineMode.OFF:
            return StageResult(outcome=Outcome.FETCHED)
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return StageResult(outcome=Outcome.SUPERSEDED)
            platform = Platform(request.platform)
            wanted = self._wanted(session, job, platform)
        waits_s = [wait_s for key, want in wanted.items() if (wait_s := self._fetch_list(job, key, want)) is not None]
        wait_s = math.ceil(min(waits_s)) if waits_s else None
        if wait_s is not None and self._left_s(job) - wait_s >= _MIN_CALL_S:
            return StageResult(outcome=Outcome.WAIT, wait_s=wait_s)
        return StageResult(outcome=Outcome.FETCHED)

    def _wanted(self, session: Session, job: BaselineJob, platform: Platform) -> dict[Key, _Wanted]:
        """Return the lists that are needed for posts that have none yet, and note posts that can have none."""
        wanted: dict[Key, _Wanted] = {}
        for row, post in _posts_to_analyse(session, job):
            if row.creator_baseline_id is not None:
                continue
            creator, kind = creator_of(post), kind_of(post)
            if creator is None or kind is None:
                row.baseline_reason = _UNKNOWN_CREATOR
                continue
            want = wanted.setdefault((platform, key_of(creator), kind), _Wanted(creator, kind))
            want.rows.append(row.id)
            row.baseline_reason = _LATE  # until the list is there
        return wanted

    def _fetch_list(self, job: BaselineJob, key: Key, want: _Wanted) -> float | None:
        """Read one list if it is not fresh; return the seconds after which to try again, None if there is no need."""
        source = self._sources[Platform(key[0])]
        with session_scope(self._engine) as session:
            # The request is locked before the list, as everywhere, so that two attempts never deadlock.
            if lock_current(session, job) is None:
                return None
            claim = baseline_service.claim(
                session, key, lease_owner=job.lease_owner, now=self._clock(), is_stand_in=source.is_stand_in
            )
            if isinstance(claim, Fresh):
                _assign(session, job, want, claim.id)
                return None
        if isinstance(claim, Busy):
            return _BUSY_WAIT_S
        timeout_s = min(self._left_s(job), _MAX_CALL_S)
        calls = Ledger(
            self._engine, job, Stage.COLLECTING_MEDIA, limits=self._limits, clock=self._clock, sleep=self._sleep
        )
        outcome = self._list(source, calls, claim, want, timeout_s=timeout_s)
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.COLLECTING_MEDIA)
            return self._save(session, job, claim, want, outcome, is_stand_in=source.is_stand_in)

    def _list(
        self, source: ListSource, calls: Ledger, claim: Claimed, want: _Wanted, *, timeout_s: float
    ) -> CreatorListing | ListingPending | ProviderError | None:
        if timeout_s < _MIN_CALL_S:
            return None
        capped = CappedCalls(calls, self._list_limits.per_list_usd)
        try:
            lister = source.build_lister(calls=capped)
            return lister.list_posts(want.creator, want.kind, job=claim.job, timeout_s=timeout_s)
        except ProviderError as failure:
            return failure

    def _save(
        self,
        session: Session,
        job: BaselineJob,
        claim: Claimed,
        want: _Wanted,
        outcome: CreatorListing | ListingPending | ProviderError | None,
        *,
        is_stand_in: bool,
    ) -> float | None:
        """Save the result for all requests, and for this one if it is still current."""
        now = self._clock()
        match outcome:
            case CreatorListing():
                baseline_service.save_listing(
                    session, claim.id, outcome, kind=want.kind, now=now, is_stand_in=is_stand_in
                )
                _assign(session, job, want, claim.id)
                return None
            case ListingPending():
                baseline_service.save_job(session, claim.id, outcome.job, is_stand_in=is_stand_in)
                return outcome.wait_s
            case ProviderError():
                details = {"provider": outcome.provider, "category": outcome.category}
                _logger.info("baseline not fetched", extra=details)
                baseline_service.save_failure(session, claim.id, outcome, now=now, is_stand_in=is_stand_in)
                _give_up(session, job, want, claim.id, outcome)
                return None
            case None:
                baseline_repository.release(session, claim.id, lease_owner=job.lease_owner)
                return _BUSY_WAIT_S

    def _left_s(self, job: BaselineJob) -> float:
        return (job.started_at + self._list_limits.budget - self._clock()).total_seconds()


def _posts_to_analyse(session: Session, job: BaselineJob) -> Iterator[tuple[AnalysisRequestPost, Post]]:
    for row in attempt_queries.list_request_posts_with_media(session, job.request_id):
        if row.state in (PostState.FETCHED, PostState.COLLECTED) and row.post is not None:
            yield row, row.post


def _assign(session: Session, job: BaselineJob, want: _Wanted, baseline_id: uuid.UUID) -> None:
    if lock_current(session, job) is not None:
        attempt_queries.set_baseline(session, job.request_id, want.rows, baseline_id=baseline_id, reason=None)


def _give_up(session: Session, job: BaselineJob, want: _Wanted, baseline_id: uuid.UUID, failure: ProviderError) -> None:
    """Note why there is no list; an earlier list of the creator is better than none."""
    if lock_current(session, job) is None:
        return
    found = baseline_service.find_usable(session, baseline_id)
    reason = None if found else f"the creator's posts could not be listed ({failure.category})"
    attempt_queries.set_baseline(session, job.request_id, want.rows, baseline_id=found, reason=reason)
