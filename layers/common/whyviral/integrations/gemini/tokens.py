"""The most tokens that Gemini counts for texts and media."""

from whyviral.integrations.language_models.tokens import TokenBounds

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
