"""Facts about the text of a post."""

from whyviral.integrations.http.language_tags import read_language_tag
from whyviral.integrations.ports.post_scraper import MediaKind

from .fact_sheet import FactSheet
from .post_text import read_text
from .snapshot import PostSnapshot

POST_TEXT = "post text"
MAX_LISTED_TAGS = 30
MAX_TITLE_CHARACTERS = 300


def add_title(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the title of the post and the title of its sound."""
    for name, key in (("title", "title"), ("sound", "sound")):
        value = post.details.get(key)
        if isinstance(value, str) and value.strip():
            facts.add_quotation(name, " ".join(value.split())[:MAX_TITLE_CHARACTERS], "text", f"{post.platform} post")


def add_text(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the counts and quotations of the post's text."""
    text = read_text(post.text, platform=post.platform)
    facts.add("text_length", text.characters, "characters", POST_TEXT)
    if text.words is not None:
        facts.add("text_words", text.words, "words", POST_TEXT)
    if language := read_language_tag(post.language):
        facts.add("language", language, "language code", f"{post.platform} post")
    # The hook of a video is its first pictures and words, not its text.
    if text.hook and MediaKind.VIDEO not in [medium.kind for medium in post.media or ()]:
        facts.add_quotation("hook_text", text.hook, "text", POST_TEXT)
    facts.add("hashtag_count", len(text.hashtags), "hashtags", POST_TEXT)
    facts.add("mention_count", len(text.mentions), "mentions", POST_TEXT)
    if text.hashtags:
        facts.add_quotation("hashtags", tuple(text.hashtags[:MAX_LISTED_TAGS]), "list", POST_TEXT)
    if text.mentions:
        facts.add_quotation("mentions", tuple(text.mentions[:MAX_LISTED_TAGS]), "list", POST_TEXT)
    facts.add("link_count", text.links, "links", POST_TEXT)
    facts.add("question_count", text.questions, "question marks", POST_TEXT)
    facts.add("exclamation_count", text.exclamations, "exclamation marks", POST_TEXT)
    facts.add("emoji_count", text.emojis, "emojis", POST_TEXT)
