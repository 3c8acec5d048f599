"""The half of a Dodo account that a deployment uses."""

from enum import StrEnum


class DodoMode(StrEnum):
    """The half of a Dodo account that is used: invented money or real money. It has no default."""

    TEST = "test"
    LIVE = "live"
