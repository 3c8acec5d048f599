"""AnalysePosts with the real client and its SDK, over HTTP."""

from collections.abc import Iterator
from functools import partial

import pytest

from functions.analyze.explaining import ExplainJob, PostExplainer
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from whyviral.analysis.pipeline import Outcome
from whyviral.core.endpoints import Endpoints
from whyviral.integrations import gemini_sdk
from whyviral.integrations.gemini import GeminiAnalyst


@pytest.fixture
def _sdk_closed(local_endpoints: Endpoints) -> Iterator[None]:
    """The SDK's client lives as long as its process; here it ends with the test."""
    yield
    gemini_sdk._client(local_endpoints.gemini_url, trust_env=False)._api_client._httpx_client.close()
    gemini_sdk._client.cache_clear()


@pytest.mark.usefixtures("_sdk_closed")
def test_a_post_is_explained_and_a_quota_that_is_spent_is_waited_for(
    pipeline: Pipeline, stand_ins: StandInsClient
) -> None:
    pipeline.source.posts["20"] = scraped_post("20", text="A kite that folds flat.")
    job, (post,) = pipeline.collected("20")

    def explain(key: str) -> tuple[Outcome, int | None]:
        analyst = partial(GeminiAnalyst, [key], model="gemini-3.8-flash", fallback_model=None, clock=pipeline.clock)
        explainer = PostExplainer(pipeline.engine, build_analyst=analyst, clock=pipeline.clock)
        result = explainer.explain(ExplainJob(**job.model_dump(), post=post))
        return result.outcome, result.wait_s

    assert explain("minute-limited-key") == (Outcome.WAIT, 7)
    assert explain("stand-in") == (Outcome.ANALYSED, None)

    (analysis,) = pipeline.read(job).post_analyses
    assert "A kite that folds flat." in analysis.virality_reasoning
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
