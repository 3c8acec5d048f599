import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.facts.post_text import HOOK_CHARACTERS, count_characters, first_sentence, read_text

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FRANCE = "\U0001f1eb\U0001f1f7"
THUMB = "\U0001f44d\U0001f3fd"


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", 0),
        ("kite", 4),
        (FAMILY, 1),
        (FRANCE + THUMB, 2),
        ("e\u0301te\u0301", 3),
        ("हिन्दी", 3),
        ("\u202bقمر\u202c", 3),
        ("1\ufe0f\u20e3 ok", 4),
    ],
)
def test_characters_are_what_people_see(text: str, characters: int) -> None:
    assert count_characters(text) == characters


@pytest.mark.parametrize(
    ("text", "emojis"),
    [
        (FAMILY, 1),
        (FRANCE + FRANCE, 2),
        (THUMB * 3, 3),
        ("#\ufe0f\u20e3", 1),
        ("\u00a9", 0),
        ("\u2764\ufe0f!", 1),
        ("1, 2", 0),
    ],
)
def test_an_emoji_sequence_is_one_emoji(text: str, emojis: int) -> None:
    assert read_text(text).emojis == emojis


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("#Kites and #kites, #WIND!", ("#Kites", "#WIND")),
        ("#हिन्दी #بالعربي_٢ \uff03凧", ("#हिन्दी", "#بالعربي_٢", "#凧")),
        ("#1 a#b &#39; ##x https://example.org/#top # alone", ()),
        ("#" + "k" * 300, ("#" + "k" * 100,)),
    ],
)
def test_hashtags_are_listed_once_in_any_script(text: str, hashtags: tuple[str, ...]) -> None:
    assert read_text(text).hashtags == hashtags


def test_mentions_are_not_parts_of_addresses() -> None:
    features = read_text("by @paper.kite. Write to me@example.org or see https://example.org/@nobody, @Paper.Kite")

    assert features.mentions == ("@paper.kite",)


def test_links_count_as_links_and_as_nothing_else() -> None:
    features = read_text("look HTTPS://example.org/?why=now!#tag")

    assert (features.links, features.words) == (1, 1)
    assert (features.questions, features.exclamations, features.hashtags) == (0, 0, ())


def test_marks_of_other_scripts_count() -> None:
    features = read_text("مرحبا؟ 本当\uff01? Ինչո՞ւ")

    assert (features.questions, features.exclamations) == (3, 1)


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        ("Wait for it. Then run.", "Wait for it."),
        ("It costs 3.50 now! Buy", "It costs 3.50 now!"),
        ('He said "go." Then ran.', 'He said "go."'),
        ("First line\nsecond line.", "First line"),
        ("今日は。明日は。", "今日は。"),
        ("हाँ। नहीं।", "हाँ।"),
        ("مرحبا؟ نعم", "مرحبا؟"),
        ("  no   end\tat all ", "no end at all"),
        ("https://example.org/a.b", ""),
        ("", ""),
    ],
)
def test_the_hook_is_the_first_sentence_on_one_line(text: str, hook: str) -> None:
    assert read_text(text).hook == hook


def test_a_long_hook_ends_between_words() -> None:
    hook = first_sentence("kite " * 100)

    assert hook == ("kite " * 24).strip()


@pytest.mark.parametrize("cluster", [FAMILY, FRANCE, THUMB, "e\u0323\u0301", "हि"])
def test_a_long_hook_without_blanks_ends_between_visible_characters(cluster: str) -> None:
    text = "a" + cluster * 100

    hook = first_sentence(text)

    assert hook
    assert len(hook) <= HOOK_CHARACTERS
    assert (len(hook) - 1) % len(cluster) == 0


@given(st.text() | st.text("#@?!.\u200d\ufe0f\u0301\u202eab\U0001f44d\U0001f1eb https://", max_size=600))
def test_any_text_can_be_read(text: str) -> None:
    features = read_text(text)

    assert len(features.hook) <= HOOK_CHARACTERS
    assert not any(character in features.hook for character in "\n\r\t\x0b\x0c\u2028\u2029")
    assert features.characters <= len(unicodedata.normalize("NFC", text))
    assert len(set(features.hashtags)) == len(features.hashtags)


@pytest.mark.parametrize(
    "unit", ["#a", "#", "@a.", "@", "https://", ".'", "\u200d", "\U0001f44d\u200d", "\u0301", "a "]
)
def test_hostile_texts_are_read_in_linear_time(unit: str) -> None:
    read_text((unit * 500_000)[:500_000])  # with work that grows faster than the length, this would not end
