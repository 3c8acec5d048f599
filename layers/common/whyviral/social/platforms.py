"""The platforms whose posts we know."""

from enum import StrEnum


class Platform(StrEnum):
    """A platform; tables and JSON hold its value as plain text."""

    INSTAGRAM = "instagram"
    X = "x"
    YOUTUBE = "youtube"
