"""The vocabulary in which an analysis records its sources."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

type Citation = Annotated[str, StringConstraints(pattern=r"^[FTMPC][1-9][0-9]*$")]
"""The id by which a claim cites a fact (F1), a span of the transcript (T1), a shown medium (M1), the text of the post
(P1) or a comment (C1); in prose it stands in brackets: [F1]."""


MEASURED = "measured"
"""The provider of an explanation that was computed from measurements, instead of a model's vendor."""


class ShownAs(StrEnum):
    """The form in which the model is shown a medium."""

    IMAGE = "image"
    THUMBNAIL = "thumbnail"
    FRAME = "frame"
    VIDEO = "video"


class SentAs(StrEnum):
    """How a medium reaches the model: as bytes, or as a URL that the vendor fetches."""

    INLINE = "inline"
    URL = "url"


class StandInPart(StrEnum):
    """A part of an analysis that came from a stand-in and not from the real service."""

    POST = "post"
    """All data of the platform, including captions and comments."""
    STORAGE = "storage"
    MODEL = "model"
