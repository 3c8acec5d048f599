"""Pictures as base64, for the vendors that read pictures and no videos."""

import base64
from collections.abc import Sequence

from whyviral.integrations.ports.analyst import InlineMedia, MediaPart, MediaSupport

from .errors import unsupported_media


def encoded_pictures(media: Sequence[MediaPart], *, takes: MediaSupport, provider: str) -> list[tuple[str, str]]:
    """Return the content type and the base64 text of each picture.

    Raises:
        ModelError: unsupported; one is a video, or a picture of another type.
    """
    pictures = [part for part in media if isinstance(part, InlineMedia) and part.content_type in takes.picture_types]
    if len(pictures) < len(media):
        raise unsupported_media(provider)
    return [(part.content_type, base64.b64encode(part.data).decode()) for part in pictures]
