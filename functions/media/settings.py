"""What the media function reads from its environment."""

from whyviral.core.settings import StorageSettings


class MediaSettings(StorageSettings):
    """Database and storage."""
