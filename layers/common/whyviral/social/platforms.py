"""The supported platforms."""

from enum import StrEnum


class Platform(StrEnum):
    """A platform whose posts can be analysed."""

    INSTAGRAM = "instagram"
    X = "x"
    YOUTUBE = "youtube"
