"""The untrusted part of a prompt: the words of the post, of its videos and of its comments.

Every text is bounded, and marked where it was cut.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.snapshot import PostSnapshot

from .claims.claim import SourceKind
from .claims.source import Source, text_source
from .transcript_spans import TranscriptSpan

MAX_TEXT_CHARACTERS = 20_000
MAX_COMMENTS = 20
MAX_COMMENT_CHARACTERS = 300
MAX_QUOTED_CHARACTERS = 2_000
MAX_LISTED = 30
MAX_NAME_CHARACTERS = 100


TEXT_ID = "P1"
"""The id of the post's own text; its comments are `C1`, `C2`, …"""


def cited_words(post: PostSnapshot) -> Iterator[Source]:
    """Yield the text of the post and its comments as sources, as far as the model is given them."""
    if text := post.text[:MAX_TEXT_CHARACTERS]:
        yield text_source(TEXT_ID, SourceKind.TEXT, "text of the post", text)
    for number, comment in enumerate(post.comments[:MAX_COMMENTS], start=1):
        text = str(comment.get("text") or "")[:MAX_COMMENT_CHARACTERS]
        yield text_source(f"C{number}", SourceKind.COMMENT, f"comment {number}", text, likes=comment.get("likes"))


def post_data(
    post: PostSnapshot, facts: Sequence[Fact], spans: Sequence[TranscriptSpan], *, is_transcript_cut: bool
) -> dict[str, Any]:
    """Return the words of strangers about which the model is asked."""
    data: dict[str, Any] = {
        "author": post.username,
        "id": TEXT_ID,
        "text": post.text[:MAX_TEXT_CHARACTERS],
        "text_is_cut": len(post.text) > MAX_TEXT_CHARACTERS,
        "quotations": {fact.id: fact.value for fact in facts if fact.is_quotation},
    }
    if spans:
        data["transcript"] = [
            {"id": span.id, "video": span.video, "from_s": span.start_s, "to_s": span.end_s, "text": span.text}
            for span in spans
        ]
        data["transcript_is_cut"] = is_transcript_cut
    if post.comments:
        data["comments"] = [
            {"id": f"C{number}"} | _comment(comment)
            for number, comment in enumerate(post.comments[:MAX_COMMENTS], start=1)
        ]
        data["comments_are_cut"] = len(post.comments) > MAX_COMMENTS
    return data | dict(_details(post.details))


def _comment(comment: Mapping[str, Any]) -> dict[str, Any]:
    text = str(comment.get("text") or "")
    is_cut = {"text_is_cut": True} if len(text) > MAX_COMMENT_CHARACTERS else {}
    return {"text": text[:MAX_COMMENT_CHARACTERS], **is_cut, "likes": comment.get("likes")}


def _details(details: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    quoted = details.get("quoted_post")
    if isinstance(quoted, Mapping):
        text = str(quoted.get("text") or "")
        yield (
            "quoted_post",
            {
                "author": _name(quoted.get("username")),
                "text": text[:MAX_QUOTED_CHARACTERS],
                "text_is_cut": len(text) > MAX_QUOTED_CHARACTERS,
            },
        )
    replied_to = details.get("replied_to")
    if isinstance(replied_to, Mapping):
        yield "is_reply_to", _name(replied_to.get("username"))
    if isinstance(tags := details.get("tags"), list) and tags:
        yield "tags", [_name(tag) for tag in tags[:MAX_LISTED]]
    if category := details.get("category"):
        yield "category", _name(category)
    if isinstance(chapters := details.get("chapters"), list) and chapters:
        yield "chapters", [_chapter(chapter) for chapter in chapters[:MAX_LISTED] if isinstance(chapter, Mapping)]


def _chapter(chapter: Mapping[str, Any]) -> dict[str, Any]:
    start_s = chapter.get("start_s")
    return {"from_s": start_s if isinstance(start_s, int | float) else None, "title": _name(chapter.get("title"))}


def _name(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_NAME_CHARACTERS]
