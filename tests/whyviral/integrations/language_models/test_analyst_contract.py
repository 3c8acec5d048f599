"""The promises of an analyst, for every provider: the real clients against the stand-ins."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.fixtures.model_providers import PROVIDERS, TEXT_PROVIDERS, analyst, unknown_usd
from tests.fixtures.pictures import media_file
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.whyviral.integrations.language_models.conftest import WatchfulCollector
from whyviral.analysis.explanation.answer import AnalystAnswer
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply, InlineMedia, VideoUrl

pytestmark = [pytest.mark.usefixtures("local_endpoints", "stand_ins")]
of_every_provider = pytest.mark.parametrize("provider", PROVIDERS)
BROKEN = ErrorCategory.PROVIDER_ERROR


class Shape(BaseModel):
    """As demanding as the shape of an analysis: nested, bounded, closed."""

    model_config = ConfigDict(extra="forbid")

    reasoning: Annotated[str, Field(max_length=5000)]
    takeaways: Annotated[list[str], Field(min_length=3, max_length=5)]
    creator: str | None = None


def prompt(order: str = "", *media: Any) -> AnalystPrompt:
    return AnalystPrompt(system="You explain posts.", user=f"[F1] likes = 10. {order}", version="v1", media=media)


def ask(
    provider: str, calls: WatchfulCollector, order: str = "", *, timeout_s: float = WAIT_S, **settings: Any
) -> AnalystReply:
    return analyst(provider, calls, timeout_s=timeout_s, **settings).answer(prompt(order), shape=Shape)


def failure(provider: str, calls: WatchfulCollector, order: str = "", **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        ask(provider, calls, order, **options)
    calls.check()
    return failed.value


@of_every_provider
@pytest.mark.parametrize("order", ["", "stand-in:prose"])
def test_an_answer_has_the_shape_that_was_asked_and_its_price(
    provider: str, calls: WatchfulCollector, order: str
) -> None:
    reply = ask(provider, calls, order)

    Shape.model_validate(reply.answer)
    calls.check()
    (call,) = calls.calls
    assert (reply.provider, reply.is_stand_in, call.status, call.error_category) == (provider, True, 200, None)
    assert (call.model, call.input_tokens, call.output_tokens) == (reply.model, reply.input_tokens, reply.output_tokens)
    assert reply.input_tokens > 0 < reply.output_tokens
    assert call.cost_usd is not None
    assert call.cost_usd == reply.cost_usd
    assert call.cost_usd <= (calls.begun[0].most_usd or 0)


@of_every_provider
def test_the_shape_of_an_analysis_breaks_no_rule_of_the_provider(provider: str, calls: WatchfulCollector) -> None:
    reply = analyst(provider, calls, timeout_s=WAIT_S).answer(prompt(), shape=AnalystAnswer)

    AnalystAnswer.model_validate(reply.answer)


@of_every_provider
@pytest.mark.parametrize(
    ("order", "calls_made"), [("truncated", 2), ("empty", 2), ("length", 2), ("refuse", 1), ("refuse_midway", 1)]
)
def test_an_unusable_answer_is_an_error_of_the_model(
    provider: str, calls: WatchfulCollector, order: str, calls_made: int
) -> None:
    failed = failure(provider, calls, f"stand-in:{order}")

    assert (failed.category, failed.is_transient) == (ErrorCategory.AI_ERROR, False)
    assert len(calls.calls) == calls_made
    assert {call.error_category for call in calls.calls} == {ErrorCategory.AI_ERROR}


@of_every_provider
def test_a_limit_that_names_its_delay_fails_with_it(provider: str, calls: WatchfulCollector) -> None:
    failed = failure(provider, calls, key="minute-limited-key")

    assert (failed.category, failed.is_transient, failed.retry_after_s) == (ErrorCategory.RATE_LIMIT, True, 7)
    assert [call.cost_usd for call in calls.calls] == [0]


@of_every_provider
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_failure_that_passes_is_left_to_the_caller(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient, status: int
) -> None:
    stand_ins.fault(provider, "status", status=status)

    failed = failure(provider, calls)

    assert failed.category is (ErrorCategory.RATE_LIMIT if status == 429 else BROKEN)
    assert failed.is_transient
    assert {call.cost_usd for call in calls.calls} == {0}


@of_every_provider
@pytest.mark.parametrize("key", ["bad-key", "denied-key", "spend-limited-key"])
def test_a_bad_key_and_a_spend_limit_are_failures_of_our_account(
    provider: str, calls: WatchfulCollector, key: str
) -> None:
    failed = failure(provider, calls, key=key)

    assert (failed.category, failed.is_transient) == (ErrorCategory.AUTH, False)
    assert key not in f"{failed!r} {calls.calls}"


@of_every_provider
@pytest.mark.parametrize(
    ("mode", "category"),
    [("timeout", ErrorCategory.TIMEOUT), ("disconnect", BROKEN), ("garbage", BROKEN)],
)
def test_a_broken_exchange_fails_with_an_unknown_cost(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient, mode: str, category: ErrorCategory
) -> None:
    stand_ins.fault(provider, mode)

    failed = failure(provider, calls, timeout_s=1.0 if mode == "timeout" else WAIT_S)

    assert (failed.category, failed.is_transient) == (category, True)
    assert {call.cost_usd for call in calls.calls} == {unknown_usd(provider)}


@of_every_provider
def test_pictures_come_before_the_words(provider: str, calls: WatchfulCollector, stand_ins: StandInsClient) -> None:
    picture = InlineMedia(media_file("image/jpeg", 2_000), "image/jpeg")

    analyst(provider, calls, timeout_s=WAIT_S).answer(prompt("", picture, picture), shape=Shape)

    parts = stand_ins.calls(provider)[-1]["parts"]
    assert [part for part in parts if part != "text"] == ["image/jpeg", "image/jpeg"]
    assert parts[-1] == "text" or parts[0] == "text"


@pytest.mark.parametrize("provider", TEXT_PROVIDERS)
@pytest.mark.parametrize(
    "medium",
    [
        VideoUrl("https://www.youtube.com/watch?v=jNQXAC9IVRw", 0, 10, 1),
        InlineMedia(b"\0", "video/mp4", 1.0),
        InlineMedia(b"\0", "image/heic"),
    ],
    ids=["video url", "video", "heic"],
)
def test_media_that_a_model_does_not_take_are_refused_before_sending(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient, medium: Any
) -> None:
    subject = analyst(provider, calls, timeout_s=WAIT_S)

    with pytest.raises(ProviderError) as failed:
        subject.answer(prompt("", medium), shape=Shape)

    assert (failed.value.category, failed.value.is_transient) == (ErrorCategory.UNSUPPORTED, False)
    assert (calls.begun, stand_ins.calls(provider)) == ([], [])
    assert not subject.takes.takes_video_urls
    assert subject.takes.video_types == frozenset()
