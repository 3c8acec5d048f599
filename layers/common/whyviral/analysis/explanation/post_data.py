"""The untrusted part of a prompt: the words of the post, of its videos and of its comments.

Every text is bounded, and marked where it was cut.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .evidence import Evidence

MAX_TEXT_CHARACTERS = 20_000
MAX_COMMENTS = 20
MAX_COMMENT_CHARACTERS = 300
MAX_QUOTED_CHARACTERS = 2_000
MAX_LISTED = 30
MAX_NAME_CHARACTERS = 100


def post_data(evidence: Evidence) -> dict[str, Any]:
    """Return the words of strangers about which the model is asked."""
    post = evidence.post
    data: dict[str, Any] = {
        "author": post.username,
        "text": post.text[:MAX_TEXT_CHARACTERS],
        "text_is_cut": len(post.text) > MAX_TEXT_CHARACTERS,
        "quotations": {fact.id: fact.value for fact in evidence.facts if fact.is_quotation},
    }
    if evidence.spans:
        data["transcript"] = [
            {"id": span.id, "video": span.video, "from_s": span.start_s, "to_s": span.end_s, "text": span.text}
            for span in evidence.spans
        ]
        data["transcript_is_cut"] = evidence.is_transcript_cut
    if post.comments:
        data["comments"] = [_comment(comment) for comment in post.comments[:MAX_COMMENTS]]
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
