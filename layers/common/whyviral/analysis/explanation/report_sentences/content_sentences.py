"""The sentences of a measured report about the post itself: its opening, tone, format and audience."""

from collections.abc import Iterator

from whyviral.analysis.explanation.claims.claim import Claim

from .phrases import KnownFacts, count, joined, quoted, seconds

_FAST_WORDS, _SLOW_WORDS = 180.0, 110.0
_MAX_TAGS = 5


def hook_sentence(facts: KnownFacts) -> Claim:
    """Return how the post opens."""
    spoken, first_word = facts.words("spoken_hook"), facts.number("first_word")
    phrase = quoted(spoken) if spoken else None
    if phrase and first_word is not None:
        return facts.claim(
            f"It opens with the words {phrase}; the first word comes after {seconds(first_word)}.",
            *("spoken_hook", "first_word"),
        )
    if facts.flag("has_speech") is False:
        return _silent_hook(facts)
    written = facts.words("hook_text")
    if written and (phrase := quoted(written)):
        return facts.claim(f"Its text opens with {phrase}.", "hook_text")
    if (first_cut := facts.number("first_cut")) is not None:
        return facts.claim(f"The first picture stays for {seconds(first_cut)}.", "first_cut")
    if not facts.number("text_length"):
        return facts.claim("It opens without a word of text.", "text_length")
    return facts.claim(f"It opens with a text of {_length(facts)}.", *_length_facts(facts))


def _silent_hook(facts: KnownFacts) -> Claim:
    first_cut = facts.number("first_cut")
    if first_cut is None:
        return facts.claim("Nothing is said in it, so the pictures must win attention alone.", "has_speech")
    return facts.claim(
        f"Nothing is said in it; the first picture stays for {seconds(first_cut)}.", "has_speech", "first_cut"
    )


def tone_sentence(facts: KnownFacts) -> Claim:
    """Return the pace of the speech, else the marks of the text."""
    rate = facts.number("speech_rate")
    if rate is not None:
        pace = "fast" if rate > _FAST_WORDS else "slow" if rate < _SLOW_WORDS else "even"
        return facts.claim(f"The speech is {pace}, with {rate:.0f} words per minute.", "speech_rate")
    marks = [
        count(value, noun)
        for name, noun in (
            ("question_count", "question marks"),
            ("exclamation_count", "exclamation marks"),
            ("emoji_count", "emojis"),
        )
        if (value := facts.number(name)) is not None
    ]
    return facts.claim(f"Its text uses {joined(marks)}.", *("question_count", "exclamation_count", "emoji_count"))


def format_sentence(facts: KnownFacts) -> Claim:
    """Return what kind of post it is."""
    text, names = format_phrase(facts)
    return facts.claim(f"It is {text}.", *names)


def format_phrase(facts: KnownFacts) -> tuple[str, list[str]]:
    """Return the kind of post as a phrase, with the names of the facts behind it."""
    duration, cuts = facts.number("duration"), facts.number("cut_count")
    videos, images = facts.number("video_count"), facts.number("image_count")
    shape = facts.words("orientation")
    if videos:
        text, names = f"{_article(shape)}video", ["orientation", "video_count"]
        if duration is not None:
            text, names = f"{text} of {seconds(duration)}", [*names, "duration"]
        if cuts is not None:
            text, names = f"{text} with {count(cuts, 'cuts')}", [*names, "cut_count"]
        return text, names
    length, names = _length(facts), _length_facts(facts)
    if not facts.number("text_length"):
        return f"a post with {count(images, 'images')} and no text" if images else "a post without text", [
            *(["image_count"] if images else []),
            "text_length",
        ]
    if images:
        return f"a post with {count(images, 'images')} and a text of {length}", ["image_count", *names]
    return f"a text of {length}", names


def audience_sentence(facts: KnownFacts) -> Claim:
    """Return whom the words of the post address."""
    tags = [tag for tag in facts.listed("hashtags") if tag.startswith("#")][:_MAX_TAGS]
    if tags:
        return facts.claim(f"Its hashtags address people who follow {joined(tags)}.", "hashtags")
    language = facts.words("transcript_language") or facts.words("language")
    if language:
        name = "transcript_language" if "transcript_language" in facts else "language"
        return facts.claim(f"Its words address people who understand the language “{language}”.", name)
    return facts.claim(f"Its text carries {count(facts.number('hashtag_count') or 0.0, 'hashtags')}.", "hashtag_count")


def theme_sentences(facts: KnownFacts) -> Iterator[Claim]:
    """Yield what the comments have in common."""
    for theme in facts.listed("comment_themes")[:1]:
        word, _, number = theme.rpartition(": ")
        if phrase := quoted(word):
            yield facts.claim(
                f"The word {phrase} comes up in {count(float(number), 'comments')}: there is more to say about it.",
                "comment_themes",
            )


def _article(shape: str | None) -> str:
    return f"a {shape} " if shape else "a "


def _length(facts: KnownFacts) -> str:
    words = facts.number("text_words")
    return count(words, "words") if words is not None else count(facts.number("text_length") or 0.0, "characters")


def _length_facts(facts: KnownFacts) -> list[str]:
    return ["text_words" if facts.number("text_words") is not None else "text_length"]
