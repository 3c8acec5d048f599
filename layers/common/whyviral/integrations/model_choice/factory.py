"""Builds the models that AI_PROVIDER names. Importing this loads no vendor."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.language_models.dialect import Dialect
from whyviral.integrations.language_models.key_ring import KeyRing
from whyviral.integrations.ports.analyst import Analyst
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.chat_model import ChatModel
from whyviral.integrations.ports.price_list import PriceList

from .no_chat_model import NoChatModel
from .settings import AiProvider, ModelSettings

# ruff: noqa: PLC0415 - each function loads only the vendor, and the engine, that it asks: an import of all takes 55 ms
_GEMINI_CHAT_MODEL = "gemini-3.5-flash-lite"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One vendor: how it is asked, with which keys, and its usual model."""

    dialect: Dialect
    keys: KeyRing
    model: str


def build_analyst(
    settings: ModelSettings, *, calls: CallRecorder, timeout_s: float, prices: PriceList, clock: Clock = utc_now
) -> Analyst:
    """Return the analyst of the chosen vendor; build one for each unit of work.

    Args:
        settings: the vendor, its models and keys.
        calls: records every exchange.
        timeout_s: for all tries of one answer together.
        prices: the prices of models.
        clock: returns the current time.
    """
    if settings.ai_provider is AiProvider.GEMINI:
        from whyviral.integrations.gemini.analyst import GeminiAnalyst

        return GeminiAnalyst(
            settings.gemini_api_keys,
            model=settings.gemini_model,
            fallback_model=settings.gemini_fallback_model,
            calls=calls,
            timeout_s=timeout_s,
            clock=clock,
            prices=prices,
        )
    from whyviral.integrations.language_models.analyst import HttpAnalyst

    choice = _choice(settings)
    return HttpAnalyst(
        choice.dialect, choice.keys, model=choice.model, calls=calls, timeout_s=timeout_s, clock=clock, prices=prices
    )


def build_chat_model(
    settings: ModelSettings,
    *,
    calls: CallRecorder,
    prices: PriceList,
    clock: Clock = utc_now,
    jitter: Callable[[float, float], float] = random.uniform,
) -> ChatModel:
    """Return the chat model of the chosen vendor; build one for each message.

    Args:
        settings: the vendor, its models and keys.
        calls: records every exchange; called in threads.
        prices: the prices of models.
        clock: returns the current time.
        jitter: chooses the pause between two tries from a range of seconds.
    """
    if settings.ai_provider is AiProvider.MEASURED and not settings.gemini_api_keys:
        return NoChatModel()
    from whyviral.integrations.language_models.chat import StreamedChatModel

    choice = _choice(settings)
    model = settings.chat_model or choice.model
    return StreamedChatModel(
        choice.dialect,
        choice.keys,
        model=model,
        fallback_model=_spare_chat_model(settings, model),
        calls=calls,
        clock=clock,
        prices=prices,
        jitter=jitter,
    )


def _spare_chat_model(settings: ModelSettings, model: str) -> str | None:
    if settings.ai_provider not in (AiProvider.GEMINI, AiProvider.MEASURED):
        return None
    return settings.gemini_model if settings.gemini_model != model else settings.gemini_fallback_model


def _choice(settings: ModelSettings) -> _Choice:
    match settings.ai_provider:
        case AiProvider.GEMINI | AiProvider.MEASURED:
            from whyviral.integrations.gemini.chat_dialect import GeminiChatDialect

            keys = KeyRing(settings.gemini_api_keys, provider=AiProvider.GEMINI, setting="GEMINI_API_KEY")
            return _Choice(GeminiChatDialect(), keys, _GEMINI_CHAT_MODEL)
        case AiProvider.OPENAI:
            from whyviral.integrations.openai.dialect import OpenAIDialect

            keys = _single_key(settings, settings.openai_api_key, setting="OPENAI_API_KEY")
            return _Choice(OpenAIDialect(), keys, settings.openai_model)
        case AiProvider.ANTHROPIC:
            from whyviral.integrations.anthropic.dialect import AnthropicDialect

            keys = _single_key(settings, settings.anthropic_api_key, setting="ANTHROPIC_API_KEY")
            return _Choice(AnthropicDialect(), keys, settings.anthropic_model)
        case AiProvider.SELF_HOSTED:
            from whyviral.integrations.openai_compatible.dialect import OpenAICompatibleDialect

            keys = _single_key(settings, settings.self_hosted_llm_api_key, setting="SELF_HOSTED_LLM_API_KEY")
            dialect = OpenAICompatibleDialect(settings.self_hosted_llm_url or "")
            return _Choice(dialect, keys, settings.self_hosted_llm_model or "")


def _single_key(settings: ModelSettings, key: SecretStr | None, *, setting: str) -> KeyRing:
    if key is None:
        return KeyRing.without_key(provider=settings.ai_provider)
    return KeyRing([key.get_secret_value()], provider=settings.ai_provider, setting=setting)
