"""AnalysePosts for one post: gather the evidence, show the media, ask the model, then save, wait or fail."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.explanation.analysis_record import analysis_columns, is_partial, measured_record
from whyviral.analysis.explanation.answer import claims_of
from whyviral.analysis.explanation.ask_model import BuildAnalyst, Explanation, ask_model
from whyviral.analysis.explanation.attachments import FILE_TIMEOUT_S, attach
from whyviral.analysis.explanation.checked_answer import CheckedAnswer
from whyviral.analysis.explanation.claims.settlement import PlacedClaim
from whyviral.analysis.explanation.evidence import Evidence, gather_evidence
from whyviral.analysis.explanation.measured_report import MEASURED_LABEL, MEASURED_VERSION, measured_report
from whyviral.analysis.explanation.media_choice import choose_media
from whyviral.analysis.explanation.prompt import question_sha256
from whyviral.analysis.explanation.provenance import MEASURED
from whyviral.analysis.facts.virality import NOT_COMPARED
from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.analyst import AnalystReply
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.media_store import MediaStore
from whyviral.social.creator_baselines.comparison import Baseline, NoBaseline
from whyviral.social.creator_baselines.creators import compared_post_of
from whyviral.social.creator_baselines.repository import get_by_id
from whyviral.social.creator_baselines.service import baseline_of
from whyviral.social.models import Post
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from .models import AnalysisRequestPost, PostAnalysisRequest, PostState, Stage
from .pipeline import Outcome, PostJob, PostResult, fail_post, fail_post_by_provider, lock_current, record_status
from .repository import attempt_queries
from .suggestions.repository import save_suggestions

ANALYSE_BUDGET = timedelta(seconds=70)
"""From the start of a post's turn to the last moment at which the model is asked about it. The state machine starts no
turn that could not end in time (tests/statemachine/test_longest_path.py)."""
MODEL_TIMEOUT_S = 65.0
"""For reading the media and for all tries of one invocation. The rest of the function's 80 s is for saving."""
READING_BUDGET_S = 15.0
"""The part of MODEL_TIMEOUT_S in which files are read: time for the model matters more than one more file."""
_PAUSE_S = (3.0, 10.0)
"""The range of the pause where the model's provider names no delay. After a try that took all of MODEL_TIMEOUT_S, even
the shortest pause ends too late for another, so that this does not depend on chance."""
_JITTER_S = 2.0
"""Added to the delay that a provider names, so that waiters do not retry together."""
_WAKE_UP = timedelta(seconds=2)
"""From the end of a wait to the run that follows it."""
_TOO_LATE = "There was no time left to explain this post; try again."
_STILL_ASKED = "An earlier try to explain this post has not ended yet; try again in a minute."
_OUTCOMES = {PostState.ANALYSED: Outcome.ANALYSED, PostState.FAILED: Outcome.FAILED}


class ExplainJob(PostJob):
    """AnalysePosts for one URL; `started_at` is when the post's turn began."""

    started_at: datetime


class BuildStore(Protocol):
    """Opens a media store that reports its calls to a collector and spends at most `timeout_s` on one file."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> MediaStore:
        """Open the store."""
        ...


@dataclass(frozen=True, slots=True)
class _ClaimedPost:
    """A post that this run alone may ask the model about."""

    post: Post
    evidence: Evidence
    """Facts, verdict and transcript, without media."""
    answered_sha256: str | None
    """The question of the partial analysis that it has; the same question is not asked, and paid for, again."""


class PostExplainer:
    """Explains posts with the collaborators of one function."""

    def __init__(
        self,
        engine: Engine,
        *,
        build_analyst: BuildAnalyst | None,
        build_store: BuildStore,
        limits: SpendLimits,
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Build the explainer; without `build_analyst` the measured report explains, and no model is asked."""
        self._engine = engine
        self._build_analyst = build_analyst
        self._build_store = build_store
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def explain(self, job: ExplainJob) -> PostResult:
        """Explain one post, from its row to its saved analysis.

        Returns:
            superseded; wait, with the seconds to wait; analysed; or failed, with the cause saved.
        """
        with session_scope(self._engine) as session:
            claim = _claim_post(session, job, now=self._clock())
        if isinstance(claim, PostResult):
            return claim

        now, post = self._clock(), claim.post
        calls = self._open_ledger(job, post)
        evidence = claim.evidence
        answer: Explanation | ProviderError | None
        if self._build_analyst is None:
            answer = _measured(evidence)
        else:
            evidence = self._show_media(evidence, post, calls, self._build_analyst)
            is_known = question_sha256(evidence) == claim.answered_sha256
            ends_at = now + timedelta(seconds=MODEL_TIMEOUT_S)
            answer = None if is_known else self._ask(evidence, calls, self._build_analyst, ends_at=ends_at)

        with session_scope(self._engine) as session:
            spent = calls.drain()
            record_calls(session, job, spent, step=Stage.ANALYSING, post_id=post.id)
            request = lock_current(session, job)
            if request is None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
            row, _ = _load_post(session, job)
            row.asked_until = None
            if isinstance(answer, ProviderError):
                if (waiting := self._wait(job, answer)) is not None:
                    return waiting
                if not row.is_partial:
                    _save_analysis(session, request, post, evidence, _measured(evidence), spent)
                    row.is_partial = True
                fail_post_by_provider(row, answer, stage=Stage.ANALYSING)
                _report_progress(session, request)
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.ANALYSED)
            if answer is not None:
                _save_analysis(session, request, post, evidence, answer, spent)
            row.state = PostState.ANALYSED
            row.is_partial = is_partial(post, evidence)
            _report_progress(session, request)
            return PostResult(request_post_id=job.request_post_id, outcome=Outcome.ANALYSED)

    def _open_ledger(self, job: ExplainJob, post: Post) -> Ledger:
        return Ledger(
            self._engine,
            job,
            Stage.ANALYSING,
            post_id=post.id,
            limits=self._limits,
            clock=self._clock,
            sleep=self._sleep,
        )

    def _show_media(
        self, evidence: Evidence, post: Post, calls: CallCollector, build_analyst: BuildAnalyst
    ) -> Evidence:
        """Add the media that the model is shown; one that cannot be read is left out and never fails the post."""
        read_until = self._clock() + timedelta(seconds=READING_BUDGET_S)
        takes = build_analyst(calls=calls, timeout_s=MODEL_TIMEOUT_S).takes
        choice = choose_media(post, takes=takes, can_watch=_can_watch(post))
        attachments, left_out = attach(
            choice.candidates,
            open_store=lambda: self._build_store(calls=calls, timeout_s=FILE_TIMEOUT_S),
            is_time_left=lambda: self._clock() < read_until,
            max_parts=takes.max_parts,
        )
        return replace(evidence, attachments=attachments, left_out=[*choice.left_out, *left_out])

    def _ask(
        self, evidence: Evidence, calls: CallCollector, build_analyst: BuildAnalyst, *, ends_at: datetime
    ) -> Explanation | ProviderError:
        """Return the model's explanation, or the failure that is still to be recorded."""
        try:
            return ask_model(evidence, build_analyst=build_analyst, calls=calls, ends_at=ends_at, clock=self._clock)
        except ProviderError as failure:
            return failure

    def _wait(self, job: ExplainJob, failure: ProviderError) -> PostResult | None:
        """Return how long to wait where the failure may pass within the budget, else None."""
        if failure.is_transient:
            asked_s = failure.retry_after_s or 0.0
            pause_s = asked_s + self._jitter(*((0.0, _JITTER_S) if asked_s else _PAUSE_S))
            if (wait_s := _wait_within_budget(job, pause_s, now=self._clock())) is not None:
                return PostResult(request_post_id=job.request_post_id, outcome=Outcome.WAIT, wait_s=wait_s)
        return None


def _claim_post(session: Session, job: ExplainJob, *, now: datetime) -> _ClaimedPost | PostResult:
    """Load the post and fence it off from other runs, or return why this run must not ask about it."""
    request = lock_current(session, job)
    if request is None:
        return PostResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
    row, post = _load_post(session, job)
    if row.state in _OUTCOMES:
        return PostResult(request_post_id=job.request_post_id, outcome=_OUTCOMES[PostState(row.state)])
    if now > job.started_at + ANALYSE_BUDGET:
        return _fail_for_time(job, row, _TOO_LATE)
    if row.asked_until is not None and row.asked_until > now:
        # The answer of the other run, of this attempt or of an older one, may be paid for: do not ask beside it.
        wait_s = _wait_within_budget(job, (row.asked_until - now).total_seconds(), now=now)
        if wait_s is None:
            return _fail_for_time(job, row, _STILL_ASKED)
        return PostResult(request_post_id=job.request_post_id, outcome=Outcome.WAIT, wait_s=wait_s)
    row.asked_until = now + timedelta(seconds=MODEL_TIMEOUT_S)
    evidence = _measure(session, request, row, post, now=now)
    message = "The posts can be read; explaining them now."
    record_status(session, request, Stage.DISPLAYING_CONTENT, progress=50, message=message)
    record_status(session, request, Stage.ANALYSING, progress=55, message="Explaining the posts.")
    answered_sha256 = attempt_queries.find_question_sha256(session, request.id, post.id) if row.is_partial else None
    return _ClaimedPost(post, evidence, answered_sha256)


def _measure(
    session: Session, request: PostAnalysisRequest, row: AnalysisRequestPost, post: Post, *, now: datetime
) -> Evidence:
    """Compute facts and verdict, and save them before the model is asked: they stay readable if it fails."""
    evidence = gather_evidence(
        post,
        attempt_queries.list_comments(session, post.id),
        now=now,
        baseline=_baseline(session, row, post, now=now),
        was_chosen_as_best=request.handle is not None,
    )
    row.measured = measured_record(evidence, measured_at=post.fetched_at or now)
    return evidence


def _baseline(session: Session, row: AnalysisRequestPost, post: Post, *, now: datetime) -> Baseline:
    compared = compared_post_of(post)
    if row.creator_baseline_id is None or compared is None:
        return NoBaseline(row.baseline_reason) if row.baseline_reason else NOT_COMPARED
    return baseline_of(get_by_id(session, row.creator_baseline_id), compared, now=now)


def _load_post(session: Session, job: ExplainJob) -> tuple[AnalysisRequestPost, Post]:
    row = attempt_queries.find_request_post(session, job.request_id, job.request_post_id)
    if row is None or row.post is None:
        raise LookupError("AnalysePosts was given a post that was never fetched")
    return row, row.post


def _can_watch(post: Post) -> bool:
    """Whether the model can fetch the post's video by its URL.

    A stand-in's video is on no real server, and a stand-in of the model takes any URL.
    """
    return not post.is_stand_in or endpoints.current().is_stand_in("gemini")


def _measured(evidence: Evidence) -> Explanation:
    """Return the explanation that is computed from the facts, without the media that only a model sees."""
    report = measured_report(evidence.facts, evidence.verdict)
    claims = [PlacedClaim(field, claim) for field, claim in claims_of(report)]
    reply = AnalystReply(
        answer={},
        provider=MEASURED,
        model=MEASURED_LABEL,
        input_tokens=0,
        output_tokens=0,
        cost_usd=Decimal(0),
        is_stand_in=False,
    )
    shown = replace(evidence, attachments=[], left_out=[])
    return Explanation(CheckedAnswer(claims), reply, shown, MEASURED_VERSION)


def _save_analysis(
    session: Session,
    request: PostAnalysisRequest,
    post: Post,
    asked: Evidence,
    explanation: Explanation,
    spent: Sequence[ExternalCall],
) -> None:
    values = analysis_columns(
        post,
        explanation,
        spent,
        # A measured report answers no question, so that a retry asks the model.
        question_sha256=None if explanation.reply.provider == MEASURED else question_sha256(asked),
        storage_is_stand_in=endpoints.current().is_stand_in("supabase"),
    )
    analysis_id = attempt_queries.save_analysis(session, request.id, post.id, values)
    save_suggestions(session, analysis_id, values["suggestions_for_future_posts"])


def _report_progress(session: Session, request: PostAnalysisRequest) -> None:
    session.flush()
    posts = attempt_queries.list_request_posts(session, request.id)
    analysed = sum(post.state == PostState.ANALYSED for post in posts)
    progress = 55 + 40 * analysed // len(posts)
    message = f"{analysed} of {len(posts)} posts are explained."
    record_status(session, request, Stage.ANALYSING, progress=progress, message=message)


def _fail_for_time(job: ExplainJob, row: AnalysisRequestPost, message: str) -> PostResult:
    fail_post(row, stage=Stage.ANALYSING, category=ErrorCategory.TIMEOUT, message=message)
    return PostResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)


def _wait_within_budget(job: ExplainJob, seconds: float, *, now: datetime) -> int | None:
    """Return the wait in whole seconds, or None when the run after it would start too late."""
    wait_s = max(1, math.ceil(seconds))
    return wait_s if now + timedelta(seconds=wait_s) + _WAKE_UP <= job.started_at + ANALYSE_BUDGET else None
