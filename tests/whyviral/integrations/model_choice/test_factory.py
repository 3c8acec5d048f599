import subprocess
import sys

import pytest

from tests.fixtures.chat import chat_prompt, collect
from tests.fixtures.model_providers import PROVIDERS, chat_model
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.model_choice.factory import build_chat_model
from whyviral.integrations.model_choice.settings import ModelSettings
from whyviral.integrations.ports.chat_model import Finish
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

_IMPORTS_BOTH = """
import sys
from whyviral.integrations.language_models.chat import StreamedChatModel
from whyviral.integrations.model_choice.factory import build_analyst, build_chat_model
from whyviral.integrations import gemini, openai, anthropic, openai_compatible
print(sorted({name.partition(".")[0] for name in sys.modules} & {"google", "openai", "anthropic", "httpx2"}))
"""


def test_choosing_a_model_loads_no_sdk() -> None:
    ran = subprocess.run([sys.executable, "-c", _IMPORTS_BOTH], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"


@pytest.mark.usefixtures("local_endpoints")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_model_names_the_model_that_chats(provider: str, stand_ins: StandInsClient) -> None:
    calls = CallCollector()
    other = {"gemini": "gemini-3.7-flash", "openai": "gpt-6.1-terra", "anthropic": "claude-sonnet-5-5"}
    chosen = other.get(provider, "stand-in")

    answer = collect(chat_model(provider, calls, chat_model=chosen), chat_prompt("Why?"))

    assert answer.end is not None
    assert answer.end.model.startswith(chosen)


@pytest.mark.usefixtures("local_endpoints")
def test_gemini_chats_with_its_cheap_model_and_then_with_the_next_key_and_the_other_model(
    stand_ins: StandInsClient,
) -> None:
    calls = CallCollector()
    stand_ins.fault("gemini", "status", status=503, path="/v1/models/gemini-3.5-flash-lite:stream")
    model = chat_model("gemini", calls, key="minute-limited-key", gemini_api_key_1="bad-key", gemini_api_key_2="good")

    answer = collect(model, chat_prompt("Why?"))

    assert answer.end is not None
    assert answer.end.finish is Finish.STOP
    tried = [(call.model, call.status) for call in calls.calls]
    assert tried[-1] == ("gemini-3.8-flash (stand-in)", 200)
    assert tried[0] == ("gemini-3.5-flash-lite", 503)


def test_without_a_model_or_a_key_of_gemini_no_question_is_answered() -> None:
    calls = CallCollector()
    settings = ModelSettings.model_validate(
        {"supabase_db_url": "postgresql://app:x@127.0.0.1:1/db", "ai_provider": "measured"}
    )

    answer = collect(build_chat_model(settings, calls=calls, prices=PRICES), chat_prompt("Why?"))

    assert isinstance(answer.error, ProviderError)
    assert answer.error.category == ErrorCategory.UNSUPPORTED
    assert (answer.pieces, calls.calls) == ([], [])


@pytest.mark.usefixtures("local_endpoints")
def test_a_key_on_cooldown_is_left_to_the_next_one(stand_ins: StandInsClient) -> None:
    calls = CallCollector()
    model = chat_model("gemini", calls, key="minute-limited-key", gemini_api_key_1="denied-key", gemini_api_key_2="ok")

    assert collect(model, chat_prompt("Why?")).end is not None
    assert [call.status for call in calls.drain()] == [429, 403, 200]
    assert collect(model, chat_prompt("Why?")).end is not None
    assert [call.status for call in calls.drain()] == [200]


@pytest.mark.usefixtures("local_endpoints")
def test_an_organization_that_may_not_stream_gets_the_whole_answer(stand_ins: StandInsClient) -> None:
    calls = CallCollector()

    answer = collect(chat_model("openai", calls, key="unverified-key"), chat_prompt("Why? stand-in:tokens=6"))

    assert answer.end is not None
    assert len(answer.pieces) == 1
    assert answer.text.split()[-1] == "word5"
    assert [call.status for call in calls.calls] == [400, 200]


@pytest.mark.usefixtures("local_endpoints")
@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_a_self_hosted_server_is_found_with_or_without_its_version(stand_ins: StandInsClient, suffix: str) -> None:
    calls = CallCollector()
    url = f"{stand_ins.base_url}/self_hosted{suffix}"

    answer = collect(
        chat_model("self_hosted", calls, self_hosted_llm_url=url, self_hosted_llm_api_key=None), chat_prompt("Why?")
    )

    assert answer.end is not None
    assert answer.end.cost_usd == 0
    assert "<think>" not in answer.text
