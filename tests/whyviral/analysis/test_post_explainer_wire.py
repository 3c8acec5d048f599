"""AnalysePosts with the real client and its SDK, over HTTP."""

import hashlib
import io
import uuid
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from tests.fakes.post_scraper import scraped_post
from tests.fixtures.model_providers import TEXT_PROVIDERS, model_settings
from tests.fixtures.pictures import jpeg
from tests.fixtures.pipeline import Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.videos import tiny_video
from whyviral.analysis.explanation.media_choice import Reason
from whyviral.analysis.models import PostState
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.post_explainer import ExplainJob, PostExplainer
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.gemini import sdk
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.model_choice.factory import build_analyst
from whyviral.integrations.ports.media_store import MediaStore, path_of
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.social.models import PostMedia
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES


@pytest.fixture
def _sdk_closed(local_endpoints: Endpoints) -> Iterator[None]:
    """The SDK's client lives as long as its process; here it ends with the test."""
    yield
    sdk._client(local_endpoints.gemini_url, trust_env=False)._api_client._httpx_client.close()
    sdk._client.cache_clear()


@pytest.mark.usefixtures("_sdk_closed")
def test_a_post_is_explained_and_a_quota_that_is_spent_is_waited_for(
    pipeline: Pipeline, stand_ins: StandInsClient
) -> None:
    pipeline.source.posts["20"] = scraped_post("20", text="A kite that folds flat.")
    job, (post,) = pipeline.collected("20")

    def explain(key: str) -> tuple[Outcome, int | None]:
        analyst = partial(
            GeminiAnalyst, [key], model="gemini-3.8-flash", fallback_model=None, clock=pipeline.clock, prices=PRICES
        )
        explainer = PostExplainer(
            pipeline.engine,
            build_analyst=analyst,
            build_store=pipeline.media.build_store,
            limits=pipeline.limits,
            clock=pipeline.clock,
            jitter=lambda low, _high: low,
        )
        result = explainer.explain(ExplainJob(**job.model_dump(), request_post_id=post))
        return result.outcome, result.wait_s

    assert explain("minute-limited-key") == (Outcome.WAIT, 7)
    pipeline.clock.advance(7)
    assert explain("stand-in") == (Outcome.ANALYSED, None)

    (analysis,) = pipeline.read(job).post_analyses
    assert "A kite that folds flat" in analysis.virality_reasoning
    assert (len(analysis.suggestions_for_future_posts), len(analysis.quick_takeaways)) == (4, 3)
    used = analysis.metadata_used
    assert (used["provider"], used["model"], used["stand_ins"]) == (
        "gemini",
        "gemini-3.8-flash (stand-in)",
        ["model"],
    )
    exchanges = [call for call in pipeline.calls(job) if call.provider == "gemini"]
    assert [call.status for call in exchanges] == [429, 200]
    assert (exchanges[1].input_tokens, exchanges[1].output_tokens) == (used["input_tokens"], used["output_tokens"])
    assert float(exchanges[1].cost_usd or 0) == used["cost_usd"] > 0
    assert check_books(pipeline, job) > 0


@pytest.mark.usefixtures("_sdk_closed")
def test_stored_media_are_read_and_shown_and_speech_is_told(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints
) -> None:
    job, (post,) = pipeline.fetched("20")
    storage = partial(SupabaseMediaStore, f"{stand_ins.base_url}/supabase", "sb_secret_stand_in", clock=pipeline.clock)
    store = storage(calls=CallCollector(), timeout_s=5)
    frame = put(store, jpeg(b"frame"), suffix="jpg", content_type="image/jpeg")
    video = put(store, tiny_video(seconds=4), suffix="mp4", content_type="video/mp4")
    add_video(pipeline, job, video=video, frame=frame)
    explainer = PostExplainer(
        pipeline.engine,
        build_analyst=partial(
            GeminiAnalyst, ["stand-in"], model="gemini-3.8-flash", fallback_model=None, prices=PRICES
        ),
        build_store=storage,
        limits=pipeline.limits,
        clock=pipeline.clock,
    )

    result = explainer.explain(ExplainJob(**job.model_dump() | {"started_at": pipeline.clock()}, request_post_id=post))

    (analysis,) = pipeline.read(job).post_analyses
    assert result.outcome == Outcome.ANALYSED
    assert stand_ins.calls("gemini")[-1]["parts"] == ["image/jpeg", "video/mp4", "text"]
    assert "It came with media. The first words said are “Look at this kite” [M1][T1]." in analysis.virality_reasoning
    used = analysis.metadata_used
    assert [(sent["id"], sent["kind"]) for sent in used["media_sent"]] == [("M1", "frame"), ("M2", "video")]
    assert [left_out["reason"] for left_out in used["media_left_out"]] == ["it could not be read from storage"]
    assert used["stand_ins"] == ["storage", "model"]
    statuses = [call.status for call in pipeline.calls(job) if call.provider == "supabase"]
    assert sorted(statuses, key=str) == [200, 200, 404, 404, 404]  # the lost frame is asked for three times
    check_books(pipeline, job)


@pytest.mark.parametrize("provider", TEXT_PROVIDERS)
def test_a_model_without_video_gets_frames_and_transcript_and_the_record_says_so(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints, provider: str
) -> None:
    job, (post,) = pipeline.fetched("20")
    storage = partial(SupabaseMediaStore, f"{stand_ins.base_url}/supabase", "sb_secret_stand_in", clock=pipeline.clock)
    store = storage(calls=CallCollector(), timeout_s=5)
    frame = put(store, jpeg(b"frame"), suffix="jpg", content_type="image/jpeg")
    video = put(store, tiny_video(seconds=4), suffix="mp4", content_type="video/mp4")
    add_video(pipeline, job, video=video, frame=frame)
    explainer = PostExplainer(
        pipeline.engine,
        build_analyst=partial(build_analyst, model_settings(provider), prices=PRICES),
        build_store=storage,
        limits=pipeline.limits,
        clock=pipeline.clock,
    )

    result = explainer.explain(ExplainJob(**job.model_dump() | {"started_at": pipeline.clock()}, request_post_id=post))

    (analysis,) = pipeline.read(job).post_analyses
    assert result.outcome == Outcome.ANALYSED
    assert [part for part in stand_ins.calls(provider)[-1]["parts"] if part != "text"] == ["image/jpeg"]
    assert "The first words said are “Look at this kite”" in analysis.virality_reasoning
    used = analysis.metadata_used
    assert (used["provider"], [(sent["id"], sent["kind"]) for sent in used["media_sent"]]) == (
        provider,
        [("M1", "frame")],
    )
    assert {left_out["kind"]: left_out["reason"] for left_out in used["media_left_out"]} == {
        "video": Reason.NO_VIDEO,
        "frame": Reason.NOT_READ,
    }
    (exchange,) = [call for call in pipeline.calls(job) if call.provider == provider]
    assert (exchange.status, float(exchange.cost_usd or 0)) == (200, used["cost_usd"])
    check_books(pipeline, job)


def put(store: MediaStore, content: bytes, *, suffix: str, content_type: str) -> str:
    """Store a file and return its path."""
    path = path_of("x", uuid.uuid4(), sha256=hashlib.sha256(content).hexdigest(), suffix=suffix)
    store.put(path, io.BytesIO(content), content_type=content_type)
    return path


def add_video(pipeline: Pipeline, job: RequestJob, *, video: str, frame: str) -> None:
    """Give the only post of a request a video with two key frames, the second of which is lost."""
    (row,) = pipeline.read(job).posts
    with session_scope(pipeline.engine) as session:
        session.merge(row).state = PostState.COLLECTED
        session.add(
            PostMedia(
                post_id=row.post_id,
                position=0,
                kind="video",
                source_url="https://video.twimg.com/1.mp4",
                storage_path=video,
                content_type="video/mp4",
                duration_s=Decimal(4),
                frames=[{"at_s": 0.0, "path": frame}, {"at_s": 2.0, "path": "x/lost.jpg"}],
                segments=[{"start_s": 0.0, "end_s": 2.0, "text": "Look at this kite", "words": []}],
                transcript_source="whisper",
                has_speech=True,
            )
        )
