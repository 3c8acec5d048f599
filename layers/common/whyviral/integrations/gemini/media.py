"""The media that Gemini takes, and the most tokens that it counts for them."""

from whyviral.integrations.language_models.tokens import TokenBounds
from whyviral.integrations.ports.analyst import MediaSupport

GEMINI_MEDIA = MediaSupport(
    # Source: ai.google.dev, "Image understanding", "Video understanding".
    picture_types=frozenset({"image/jpeg", "image/png", "image/webp", "image/heic"}),
    video_types=frozenset({"video/mp4", "video/mov", "video/webm"}),
    takes_video_urls=True,
)
GEMINI_TOKENS = TokenBounds(
    # No model of the family reads more. Source: ai.google.dev, "Models", 2026-11.
    context=1_048_576,
    # At the highest resolution. Source: ai.google.dev, "Media resolution", 2026-11.
    picture=2_240,
    # At the highest resolution, with its timestamp.
    # Source: ai.google.dev, "Media resolution" and "Video understanding", 2026-11.
    video_frame=300,
    # 32, with a margin. Source: ai.google.dev, "Understand and count tokens", 2026-11.
    second_of_sound=40,
)
