"""Environment settings of the media function."""

from whyviral.core.settings import StorageSettings


class MediaSettings(StorageSettings):
    """Database and storage access."""
