"""Environment settings of the analyze function."""

from whyviral.core.settings import StorageSettings
from whyviral.integrations.model_choice.settings import ModelSettings
from whyviral.vendor_calls.settings import SpendingSettings


class AnalyzeSettings(StorageSettings, SpendingSettings, ModelSettings):
    """Database and storage access, the spending limits, and the model with its keys."""
