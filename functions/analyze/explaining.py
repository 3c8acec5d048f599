"""How AnalysePosts works: facts and verdict are computed, the model explains them, and a valid answer is saved."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.answer import AnalystAnswer, InvalidAnswer, ValidatedAnswer, validate_answer
from whyviral.analysis.facts import Fact, PostSnapshot, compute_facts
from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest, PostState, Stage
from whyviral.analysis.pipeline import (
    Outcome,
    PostJob,
    PostResult,
    fail_post,
    fail_post_by_provider,
    lock_current,
    record_calls,
    record_status,
)
from whyviral.analysis.repository import PipelineRepository
from whyviral.analysis.virality import Verdict, judge
from whyviral.core.calls import CallCollector, ExternalCall
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.analyst import Analyst, AnalystPrompt, AnalystReply
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.post_scraper import MediaKind
from whyviral.social.models import Post
from whyviral.social.platforms import Platform

from .prompt import build_prompt

ANALYSE_BUDGET = timedelta(seconds=70)
"""From the start of the Map to the last moment at which a model is asked; with a run of 85 s, what Step Functions
retries and FailRequest the stage stays below its 180 s (tests/statemachine/test_longest_path.py)."""
MODEL_TIMEOUT_S = 65.0
"""For all tries of one invocation; the rest of the function's 80 s is for reading, saving and saying so."""
_ANSWER_TRIES = 2
_LEAST_TRY_S = 10.0
"""With less time left there is no second try."""
_DEFAULT_WAIT_S = 5.0
_WAKE_UP = timedelta(seconds=2)
"""From the end of a wait to the run that follows it."""
_TOO_LATE = "There was no time left to explain this post; try again."
_ENDS = {PostState.ANALYSED: Outcome.ANALYSED, PostState.FAILED: Outcome.FAILED}


class ExplainJob(PostJob):
    """AnalysePosts for one URL; `started_at` is when the Map began."""

    started_at: datetime


class BuildAnalyst(Protocol):
    """Makes an analyst that reports its calls to a collector and answers within `timeout_s`."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> Analyst:
        """Make it."""
        ...


class PostExplainer:
    """AnalysePosts with its collaborators."""

    def __init__(self, engine: Engine, *, build_analyst: BuildAnalyst, clock: Clock) -> None:
        self._engine = engine
        self._build_analyst = build_analyst
        self._clock = clock

    def explain(self, job: ExplainJob) -> PostResult:
        """Explain one post.

        Returns:
            superseded, or wait with the seconds to wait, or analysed, or failed with the cause saved.
        """
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return PostResult(post=job.post, outcome=Outcome.SUPERSEDED)
            row, post = self._load(session, job)
            if row.state in _ENDS:
                return PostResult(post=job.post, outcome=_ENDS[PostState(row.state)])
            if self._clock() > job.started_at + ANALYSE_BUDGET:
                fail_post(row, stage=Stage.ANALYSING, category=ErrorCategory.TIMEOUT, message=_TOO_LATE)
                return PostResult(post=job.post, outcome=Outcome.FAILED)
            self._announce(session, request)
        return self._ask_and_save(job, post)

    def _load(self, session: Session, job: ExplainJob) -> tuple[AnalysisRequestPost, Post]:
        row = PipelineRepository(session).find_post(job.request_id, job.post)
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

    def _ask_and_save(self, job: ExplainJob, post: Post) -> PostResult:
        snapshot = _snapshot(post)
        facts = compute_facts(snapshot, measured_at=post.fetched_at or self._clock())
        verdict = judge(facts)
        prompt = build_prompt(snapshot, facts, verdict)
        calls = CallCollector()
        try:
            explanation = self._ask(prompt, facts, calls)
        except ProviderError as exc:
            return self._save_failure(job, post, calls, exc)
        with session_scope(self._engine) as session:
            spent = calls.drain()
            record_calls(session, job, spent, post_id=post.id)
            request = lock_current(session, job)
            if request is None:
                return PostResult(post=job.post, outcome=Outcome.SUPERSEDED)
            values = _columns(post, facts, verdict, explanation, prompt, spent)
            PipelineRepository(session).save_analysis(job.request_id, post.id, values)
            row, _ = self._load(session, job)
            row.state = PostState.ANALYSED
            self._report_progress(session, request)
        return PostResult(post=job.post, outcome=Outcome.ANALYSED)

    def _ask(self, prompt: AnalystPrompt, facts: tuple[Fact, ...], calls: CallCollector) -> "Explanation":
        """Ask until an answer is valid, at most twice, and for `MODEL_TIMEOUT_S` in all.

        Raises:
            ProviderError: no answer, or none that is valid.
        """
        ends_at = self._clock() + timedelta(seconds=MODEL_TIMEOUT_S)
        refused: list[AnalystReply] = []
        while True:
            left_s = (ends_at - self._clock()).total_seconds()
            if len(refused) == _ANSWER_TRIES or (refused and left_s < _LEAST_TRY_S):
                raise ProviderError(
                    "The model's answer did not have the shape of an analysis; try again.",
                    provider=refused[-1].provider,
                    category=ErrorCategory.AI_ERROR,
                )
            reply = self._build_analyst(calls=calls, timeout_s=left_s).answer(prompt, shape=AnalystAnswer)
            with suppress(InvalidAnswer):
                return Explanation(validated=validate_answer(reply.answer, facts=facts), reply=reply)
            refused.append(reply)

    def _save_failure(self, job: ExplainJob, post: Post, calls: CallCollector, failure: ProviderError) -> PostResult:
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), post_id=post.id)
            if lock_current(session, job) is None:
                return PostResult(post=job.post, outcome=Outcome.SUPERSEDED)
            wait_s = self._wait_s(job, failure)
            if wait_s is not None:
                return PostResult(post=job.post, outcome=Outcome.WAIT, wait_s=wait_s)
            row, _ = self._load(session, job)
            fail_post_by_provider(row, failure, stage=Stage.ANALYSING)
        return PostResult(post=job.post, outcome=Outcome.FAILED)

    def _wait_s(self, job: ExplainJob, failure: ProviderError) -> int | None:
        """Return how long to wait before asking again, or None when it would not help or end in time."""
        if not failure.is_transient:
            return None
        wait_s = max(1, round(failure.retry_after_s or _DEFAULT_WAIT_S))
        asked_at = self._clock() + timedelta(seconds=wait_s) + _WAKE_UP
        return wait_s if asked_at <= job.started_at + ANALYSE_BUDGET else None

    def _report_progress(self, session: Session, request: PostAnalysisRequest) -> None:
        session.flush()
        posts = PipelineRepository(session).list_posts(request.id)
        analysed = sum(post.state == PostState.ANALYSED for post in posts)
        progress = 55 + 40 * analysed // len(posts)
        message = f"{analysed} of {len(posts)} posts are explained."
        record_status(session, request, Stage.ANALYSING, progress=progress, message=message)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A valid answer and the reply it came with."""

    validated: ValidatedAnswer
    reply: AnalystReply


def _snapshot(post: Post) -> PostSnapshot:
    return PostSnapshot(
        platform=Platform(post.platform),
        text=post.content or "",
        username=post.username,
        posted_at=post.posted_at,
        metrics=post.metrics,
        followers=(post.author or {}).get("followers"),
        language=post.language,
        media_kinds=[MediaKind(medium.kind) for medium in post.media],
    )


def _columns(
    post: Post,
    facts: tuple[Fact, ...],
    verdict: Verdict,
    explanation: Explanation,
    prompt: AnalystPrompt,
    spent: Sequence[ExternalCall],
) -> dict[str, Any]:
    answer, reply = explanation.validated.answer, explanation.reply
    costs = [call.cost_usd for call in spent]  # the calls, not the replies: one that gave no answer may cost as well
    return answer.model_dump(mode="json") | {
        "metrics": post.metrics,
        "is_viral": verdict.is_viral,
        "analysis_data": answer.model_dump(mode="json"),
        "metadata_used": {
            "facts": [asdict(fact) for fact in facts],
            "verdict": asdict(verdict),
            "provider": reply.provider,
            "model": reply.model,
            "prompt_version": prompt.version,
            "input_tokens": sum(call.input_tokens or 0 for call in spent),
            "output_tokens": sum(call.output_tokens or 0 for call in spent),
            "cost_usd": None if None in costs else float(sum(cost for cost in costs if cost is not None)),
            "media_sent": [],
            "stand_ins": [
                name for name, is_one in (("post", post.is_stand_in), ("model", reply.is_stand_in)) if is_one
            ],
        },
    }
