"""Environment settings of the media function."""

from whyviral.core.settings import MediaLinkSettings, StorageSettings


class MediaSettings(StorageSettings, MediaLinkSettings):
    """Database and storage access, and the address of public links."""
