"""How AnalysePosts works: facts and verdict are computed, the model explains them, and a valid answer is saved."""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.explanation.ask_model import BuildAnalyst, Explanation, ask_model
from whyviral.analysis.explanation.attachments import FILE_TIMEOUT_S, attach
from whyviral.analysis.explanation.evidence import Evidence, gather_evidence
from whyviral.analysis.explanation.media_choice import choose_media
from whyviral.analysis.explanation.saved_columns import analysis_columns, is_partial
from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import MediaStore
from whyviral.social.models import Post
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from . import repository
from .models import AnalysisRequestPost, PostAnalysisRequest, PostState, Stage
from .pipeline import Outcome, PostJob, PostResult, fail_post, fail_post_by_provider, lock_current, record_status

ANALYSE_BUDGET = timedelta(seconds=70)
"""From the start of a post's turn to the last moment at which a model is asked about it. The state machine starts no
turn that could not end in time (tests/statemachine/test_longest_path.py)."""
MODEL_TIMEOUT_S = 65.0
"""For reading the media and for all tries of one invocation; the rest of the function's 80 s is for saving and saying
so."""
READING_BUDGET_S = 15.0
"""Of that, how long files are read; the model is worth more than one more of them."""
_LONGEST_PAUSE_S = 10.0
"""Where the model's provider asks for none; half of it on average."""
_SPREAD_S = 2.0
"""Those who were asked to wait until the same moment come back at different ones, and none before it."""
_WAKE_UP = timedelta(seconds=2)
"""From the end of a wait to the run that follows it."""
_TOO_LATE = "There was no time left to explain this post; try again."
_STILL_ASKED = "An earlier try to explain this post has not ended yet; try again in a minute."
_ENDS = {PostState.ANALYSED: Outcome.ANALYSED, PostState.FAILED: Outcome.FAILED}


class ExplainJob(PostJob):
    """AnalysePosts for one URL; `started_at` is when the post's turn began."""

    started_at: datetime


class BuildStore(Protocol):
    """Opens the store of media, which reports its calls to a collector and takes so long for one file at most."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> MediaStore:
        """Open it."""
        ...


class PostExplainer:
    """AnalysePosts with its collaborators."""

    def __init__(
        self,
        engine: Engine,
        *,
        build_analyst: BuildAnalyst,
        build_store: BuildStore,
        limits: SpendLimits,
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._engine = engine
        self._build_analyst = build_analyst
        self._build_store = build_store
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def explain(self, job: ExplainJob) -> PostResult:
        """Explain one post.

        Returns:
            superseded, or wait with the seconds to wait, or analysed, or failed with the cause saved.
        """
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
            row, post = self._load(session, job)
            if row.state in _ENDS:
                return PostResult(request_post_id=job.request_post_id, outcome=_ENDS[PostState(row.state)])
            if self._clock() > job.started_at + ANALYSE_BUDGET:
                fail_post(row, stage=Stage.ANALYSING, category=ErrorCategory.TIMEOUT, message=_TOO_LATE)
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)
            if row.asked_until is not None and row.asked_until > self._clock():
                return self._wait_for_other(job, row, row.asked_until)
            row.asked_until = self._clock() + timedelta(seconds=MODEL_TIMEOUT_S)
            comments = repository.list_comments(session, post.id)
            self._announce(session, request)
        return self._ask_and_save(job, post, comments)

    def _wait_for_other(self, job: ExplainJob, row: AnalysisRequestPost, asked_until: datetime) -> PostResult:
        """Wait for a run that may be asking the model about the same post: of an attempt that was given up, or twice.

        Its answer may have been paid for, so that this run must not ask beside it.
        """
        wait_s = self._in_budget(job, (asked_until - self._clock()).total_seconds())
        if wait_s is None:
            fail_post(row, stage=Stage.ANALYSING, category=ErrorCategory.TIMEOUT, message=_STILL_ASKED)
            return PostResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)
        return PostResult(request_post_id=job.request_post_id, outcome=Outcome.WAIT, wait_s=wait_s)

    def _load(self, session: Session, job: ExplainJob) -> tuple[AnalysisRequestPost, Post]:
        row = repository.find_request_post(session, job.request_id, job.request_post_id)
        if row is None or row.post is None:
            raise LookupError("AnalysePosts was given a post that was never fetched")
        return row, row.post

    def _announce(self, session: Session, request: PostAnalysisRequest) -> None:
        record_status(
            session,
            request,
            Stage.DISPLAYING_CONTENT,
            progress=50,
            message="The posts can be read; explaining them now.",
        )
        record_status(session, request, Stage.ANALYSING, progress=55, message="Explaining the posts.")

    def _ask_and_save(self, job: ExplainJob, post: Post, comments: Sequence[Mapping[str, Any]]) -> PostResult:
        started_at = self._clock()
        calls = Ledger(
            self._engine,
            job,
            Stage.ANALYSING,
            post_id=post.id,
            limits=self._limits,
            clock=self._clock,
            sleep=self._sleep,
        )
        evidence = self._with_media(post, gather_evidence(post, comments, now=started_at), calls)
        try:
            explanation = ask_model(
                evidence,
                build_analyst=self._build_analyst,
                calls=calls,
                ends_at=started_at + timedelta(seconds=MODEL_TIMEOUT_S),
                clock=self._clock,
            )
        except ProviderError as exc:
            return self._save_failure(job, post, calls, exc)
        return self._save(job, post, calls, explanation)

    def _with_media(self, post: Post, evidence: Evidence, calls: CallCollector) -> Evidence:
        """Read what the model is shown; a medium that cannot be read is left out and never fails the post."""
        read_until = self._clock() + timedelta(seconds=READING_BUDGET_S)
        # A stand-in's video is on no real server; a stand-in of the model takes any URL.
        can_watch = not post.is_stand_in or endpoints.current().is_stand_in("gemini")
        choice = choose_media(post, can_watch=can_watch)
        attachments, left_out = attach(
            choice.candidates,
            open_store=lambda: self._build_store(calls=calls, timeout_s=FILE_TIMEOUT_S),
            is_time_left=lambda: self._clock() < read_until,
        )
        return replace(evidence, attachments=attachments, left_out=[*choice.left_out, *left_out])

    def _save(self, job: ExplainJob, post: Post, calls: CallCollector, explanation: Explanation) -> PostResult:
        with session_scope(self._engine) as session:
            spent = calls.drain()
            record_calls(session, job, spent, step=Stage.ANALYSING, post_id=post.id)
            request = lock_current(session, job)
            if request is None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
            is_stand_in = endpoints.current().is_stand_in("supabase")
            values = analysis_columns(post, explanation, spent, storage_is_stand_in=is_stand_in)
            repository.save_analysis(session, job.request_id, post.id, values)
            row, _ = self._load(session, job)
            row.state = PostState.ANALYSED
            row.asked_until = None
            row.is_partial = is_partial(post, explanation.evidence)
            self._report_progress(session, request)
        return PostResult(request_post_id=job.request_post_id, outcome=Outcome.ANALYSED)

    def _save_failure(self, job: ExplainJob, post: Post, calls: CallCollector, failure: ProviderError) -> PostResult:
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.ANALYSING, post_id=post.id)
            if lock_current(session, job) is None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
            row, _ = self._load(session, job)
            row.asked_until = None
            wait_s = self._wait_s(job, failure)
            if wait_s is not None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.WAIT, wait_s=wait_s)
            fail_post_by_provider(row, failure, stage=Stage.ANALYSING)
        return PostResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)

    def _wait_s(self, job: ExplainJob, failure: ProviderError) -> int | None:
        """Return how long to wait before asking again, or None when it would not help or end in time."""
        if not failure.is_transient:
            return None
        asked_s = failure.retry_after_s or 0.0
        return self._in_budget(job, asked_s + self._jitter(0.0, _SPREAD_S if asked_s else _LONGEST_PAUSE_S))

    def _in_budget(self, job: ExplainJob, seconds: float) -> int | None:
        wait_s = max(1, math.ceil(seconds))
        asked_at = self._clock() + timedelta(seconds=wait_s) + _WAKE_UP
        return wait_s if asked_at <= job.started_at + ANALYSE_BUDGET else None

    def _report_progress(self, session: Session, request: PostAnalysisRequest) -> None:
        session.flush()
        posts = repository.list_request_posts(session, request.id)
        analysed = sum(post.state == PostState.ANALYSED for post in posts)
        progress = 55 + 40 * analysed // len(posts)
        message = f"{analysed} of {len(posts)} posts are explained."
        record_status(session, request, Stage.ANALYSING, progress=progress, message=message)
