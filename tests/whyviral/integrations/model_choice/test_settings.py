import os

import pytest

from tests.fixtures.model_providers import PROVIDERS
from whyviral.core.settings import SettingsError
from whyviral.integrations.model_choice.settings import AiProvider, ModelSettings

URL = "postgresql://app:secret@127.0.0.1:1/postgres"


@pytest.fixture(autouse=True)
def _only_these_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ModelSettings.model_fields.keys() & {name.lower() for name in os.environ}:
        monkeypatch.delenv(name.upper())
    monkeypatch.setenv("SUPABASE_DB_URL", URL)


@pytest.mark.parametrize(
    ("provider", "missing"),
    [
        ("gemini", ["GEMINI_API_KEY"]),
        ("openai", ["OPENAI_API_KEY"]),
        ("anthropic", ["ANTHROPIC_API_KEY"]),
        ("self_hosted", ["SELF_HOSTED_LLM_URL", "SELF_HOSTED_LLM_MODEL"]),
    ],
)
def test_a_provider_without_its_settings_does_not_start(
    monkeypatch: pytest.MonkeyPatch, provider: str, missing: list[str]
) -> None:
    monkeypatch.setenv("AI_PROVIDER", provider)

    with pytest.raises(SettingsError) as refused:
        ModelSettings.load()

    named = [f"{name}: must be set, because AI_PROVIDER is {provider}" for name in missing]
    assert str(refused.value) == f"cannot start, check these settings: {'; '.join(named)}"


def test_the_keys_of_other_providers_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")

    settings = ModelSettings.load()

    assert (settings.ai_provider, settings.gemini_api_keys) == (AiProvider.OPENAI, [])
    assert "sk-x" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), [("AI_PROVIDER", "gemeni"), ("SELF_HOSTED_LLM_URL", "localhost:11434")])
def test_a_value_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name):
        ModelSettings.load()


def test_every_provider_is_tested() -> None:
    assert set(PROVIDERS) == set(AiProvider) - {AiProvider.MEASURED}


def test_without_a_model_no_key_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "measured")

    assert ModelSettings.load().ai_provider is AiProvider.MEASURED
