"""Environment settings of the analyze function."""

from pydantic import SecretStr

from whyviral.core.settings import StorageSettings
from whyviral.vendor_calls.settings import SpendingSettings


class AnalyzeSettings(StorageSettings, SpendingSettings):
    """Database and storage access, the spending limits, and the model with its keys in failover order.

    Each key belongs to a different Google project.
    """

    gemini_api_key: SecretStr
    gemini_api_key_1: SecretStr | None = None
    gemini_api_key_2: SecretStr | None = None
    gemini_api_key_3: SecretStr | None = None
    gemini_api_key_4: SecretStr | None = None
    gemini_api_key_5: SecretStr | None = None
    gemini_model: str = "gemini-3.8-flash"
    gemini_fallback_model: str | None = "gemini-3.5-flash-lite"

    @property
    def gemini_api_keys(self) -> list[str]:
        """Return the keys that are set, in failover order."""
        keys = [
            self.gemini_api_key,
            self.gemini_api_key_1,
            self.gemini_api_key_2,
            self.gemini_api_key_3,
            self.gemini_api_key_4,
            self.gemini_api_key_5,
        ]
        return [key.get_secret_value() for key in keys if key is not None]
