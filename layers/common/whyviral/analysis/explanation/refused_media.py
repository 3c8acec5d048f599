"""Evidence with less media, for when a model refuses a question without naming the part that it cannot take."""

from collections.abc import Iterator, Sequence

from .attachments import Attachment
from .evidence import Evidence
from .provenance import ShownAs

MAX_GROUPS = 8
"""A refusal costs nothing but time, so that pictures are left out one by one; of many pictures, in this many groups."""


def lighter_variants(evidence: Evidence, *, is_too_large: bool) -> Iterator[Evidence]:
    """Yield the evidence with less media: without videos, without one group of pictures each, at last without any.

    Args:
        evidence: as it was refused.
        is_too_large: whether the refusal was about size, so that one picture makes no difference.
    """
    shown = evidence.attachments
    groups: list[Sequence[Attachment]] = [[each for each in shown if each.is_video]]
    if not is_too_large:
        groups += _groups_of_pictures(shown)
    for group in groups:
        if group and len(group) < len(shown):
            yield evidence.without(group)
    if shown:
        yield evidence.without(shown)


def _groups_of_pictures(shown: Sequence[Attachment]) -> list[Sequence[Attachment]]:
    """Return the pictures in the order of suspicion: those of strangers, then the key frames, which our worker made."""
    frames = [each for each in shown if each.exhibit.kind is ShownAs.FRAME]
    pictures = [each for each in shown if not each.is_video and each not in frames]
    size = -(-len(pictures) // (MAX_GROUPS - 1)) or 1
    return [*(pictures[start : start + size] for start in range(0, len(pictures), size)), frames]
