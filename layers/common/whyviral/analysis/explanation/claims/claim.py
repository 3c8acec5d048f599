"""A claim: one statement of an explanation, with what sort of statement it is and the evidence that it cites."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ClaimKind(StrEnum):
    """What a claim rests on."""

    MEASURED = "measured"
    """A fact that was computed before any model was asked."""
    OBSERVED = "observed"
    """Words or pictures of the post, its videos or its comments."""
    INFERENCE = "inference"
    """A conclusion; it may cite evidence and need not."""


class SourceKind(StrEnum):
    """What sort of evidence a source is."""

    FACT = "fact"
    SPAN = "span"
    MEDIUM = "medium"
    TEXT = "text"
    COMMENT = "comment"


class ClaimOutcome(StrEnum):
    """What became of a claim that did not pass the check."""

    REPAIRED = "repaired"
    """The model wrote it again, and that version passed."""
    MADE_INFERENCE = "made_inference"
    """It is kept as an inference, without the evidence that does not exist."""
    DROPPED = "dropped"


class Claim(BaseModel):
    """One statement with its evidence."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    text: str = Field(description="One or two plain sentences, without ids.")
    kind: ClaimKind
    evidence: list[str] = Field(description="Ids of the evidence that proves the text, such as F3 or T1.")
