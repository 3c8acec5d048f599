"""Settings of deployables that ask a language model: which vendor, which models, and the vendor's keys."""

from enum import StrEnum

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from whyviral.core.settings import DeployableSettings, revealed


class AiProvider(StrEnum):
    """The vendor of the models, a server of one's own that speaks OpenAI's chat API, or no model."""

    GEMINI = "gemini"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    SELF_HOSTED = "self_hosted"
    MEASURED = "measured"
    """No model explains posts: the explanation is computed from measurements. Chat asks Gemini if it has a key."""


class ModelSettings(DeployableSettings):
    """Base class for deployables that ask a language model; the settings of the chosen vendor are required."""

    ai_provider: AiProvider = AiProvider.GEMINI
    chat_model: str | None = None
    """The model that chats; None: the vendor's usual one."""

    gemini_api_key: SecretStr | None = Field(default=None, validate_default=True)
    gemini_api_key_1: SecretStr | None = None
    gemini_api_key_2: SecretStr | None = None
    gemini_api_key_3: SecretStr | None = None
    gemini_api_key_4: SecretStr | None = None
    gemini_api_key_5: SecretStr | None = None
    gemini_model: str = "gemini-3.8-flash"
    gemini_fallback_model: str | None = "gemini-3.5-flash-lite"

    openai_api_key: SecretStr | None = Field(default=None, validate_default=True)
    openai_model: str = "gpt-6-luna"

    anthropic_api_key: SecretStr | None = Field(default=None, validate_default=True)
    anthropic_model: str = "claude-haiku-5-5"

    self_hosted_llm_url: str | None = Field(default=None, validate_default=True)
    """The server's base URL, with or without `/v1` at its end."""
    self_hosted_llm_model: str | None = Field(default=None, validate_default=True)
    self_hosted_llm_api_key: SecretStr | None = None
    """None: the server asks for none."""

    @field_validator(
        "gemini_api_key", "openai_api_key", "anthropic_api_key", "self_hosted_llm_url", "self_hosted_llm_model"
    )
    @classmethod
    def _is_set_for_the_chosen_provider[T: (SecretStr, str)](cls, value: T | None, info: ValidationInfo) -> T | None:
        provider = info.data.get("ai_provider")
        if value is None and provider is not None and str(info.field_name).startswith(f"{provider}_"):
            raise ValueError(f"must be set, because AI_PROVIDER is {provider}")
        return value

    @field_validator("self_hosted_llm_url")
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @property
    def analysis_model(self) -> str | None:
        """Return the model that explains posts; None if none does."""
        models = {
            AiProvider.GEMINI: self.gemini_model,
            AiProvider.OPENAI: self.openai_model,
            AiProvider.ANTHROPIC: self.anthropic_model,
            AiProvider.SELF_HOSTED: self.self_hosted_llm_model,
        }
        return models.get(self.ai_provider)

    @property
    def gemini_api_keys(self) -> list[str]:
        """Return the keys that are set, in failover order; each belongs to a different Google project."""
        keys = [
            self.gemini_api_key,
            self.gemini_api_key_1,
            self.gemini_api_key_2,
            self.gemini_api_key_3,
            self.gemini_api_key_4,
            self.gemini_api_key_5,
        ]
        return [key for secret in keys if (key := revealed(secret)) is not None]
