"""The words in which an analysis records what it rests on."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

type Citation = Annotated[str, StringConstraints(pattern=r"^[FTM][1-9][0-9]*$")]
"""The id by which prose cites a fact (F1), a span of the transcript (T1) or a shown medium (M1), in brackets: [F1]."""


class ShownAs(StrEnum):
    """What the model gets of a medium."""

    IMAGE = "image"
    THUMBNAIL = "thumbnail"
    FRAME = "frame"
    VIDEO = "video"


class SentAs(StrEnum):
    """How the model gets it: as bytes, or as a URL that its vendor fetches."""

    INLINE = "inline"
    URL = "url"


class StandInPart(StrEnum):
    """What of an analysis came from a stand-in and not from the real service."""

    POST = "post"
    """All that the platform told, including captions and comments."""
    STORAGE = "storage"
    MODEL = "model"
