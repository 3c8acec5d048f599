"""Builds the models that AI_PROVIDER names. Importing this loads no vendor's SDK."""

from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.gemini.chat_dialect import GeminiChatDialect
from whyviral.integrations.language_models.chat import StreamedChatModel
from whyviral.integrations.language_models.key_ring import KeyRing
from whyviral.integrations.ports.analyst import Analyst
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.chat_model import ChatModel
from whyviral.integrations.ports.price_list import PriceList

from .settings import ModelSettings

_GEMINI_CHAT_MODEL = "gemini-3.5-flash-lite"


def build_analyst(
    settings: ModelSettings, *, calls: CallRecorder, timeout_s: float, prices: PriceList, clock: Clock = utc_now
) -> Analyst:
    """Return the analyst of the chosen vendor.

    Args:
        settings: the vendor, its models and keys.
        calls: records every exchange.
        timeout_s: for all tries of one answer together.
        prices: the prices of models.
        clock: returns the current time.
    """
    return GeminiAnalyst(
        settings.gemini_api_keys,
        model=settings.gemini_model,
        fallback_model=settings.gemini_fallback_model,
        calls=calls,
        timeout_s=timeout_s,
        clock=clock,
        prices=prices,
    )


def build_chat_model(
    settings: ModelSettings, *, calls: CallRecorder, prices: PriceList, clock: Clock = utc_now
) -> ChatModel:
    """Return the chat model of the chosen vendor; build one for each message.

    Args:
        settings: the vendor, its models and keys.
        calls: records every exchange; called in threads.
        prices: the prices of models.
        clock: returns the current time.
    """
    keys = KeyRing(settings.gemini_api_keys, provider="gemini", setting="GEMINI_API_KEY")
    model = settings.chat_model or _GEMINI_CHAT_MODEL
    spare = settings.gemini_model if settings.gemini_model != model else settings.gemini_fallback_model
    return StreamedChatModel(
        GeminiChatDialect(), keys, model=model, fallback_model=spare, calls=calls, clock=clock, prices=prices
    )
