"""The most tokens that a prompt can have: an upper bound from the length of its texts and the kinds of its media."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whyviral.integrations.ports.analyst import InlineMedia, MediaPart

_FRAMING_TOKENS = 1_024
"""For turns, roles and the borders of parts."""


@dataclass(frozen=True, slots=True)
class TokenBounds:
    """The most tokens of each kind of medium, for the models of one vendor."""

    context: int
    """The most tokens that a model reads."""
    picture: int
    video_frame: int = 0
    second_of_sound: int = 0

    def most_input(self, texts: Iterable[str], media: Sequence[MediaPart]) -> int:
        """Return the most tokens that a prompt with these texts and media can have."""
        # A token has at least one byte. Source: the byte fallback of SentencePiece for text outside its vocabulary.
        text_tokens = sum(len(text.encode(errors="surrogatepass")) for text in texts)
        return min(_FRAMING_TOKENS + text_tokens + sum(map(self._most_of_part, media)), self.context)

    def _most_of_part(self, part: MediaPart) -> int:
        if not isinstance(part, InlineMedia):
            return self._most_of_video(part.end_s - part.start_s, part.frames_per_second)
        if part.content_type.startswith("image/"):
            return self.picture
        # The length of such a video is known to the model only.
        return self.context if part.duration_s is None else self._most_of_video(part.duration_s, 1.0)

    def _most_of_video(self, seconds: float, frames_per_second: float) -> int:
        frames = math.ceil(seconds * frames_per_second) + 1
        return frames * self.video_frame + (math.ceil(seconds) + 1) * self.second_of_sound
