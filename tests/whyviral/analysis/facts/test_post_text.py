import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.facts.post_links import cut_links
from whyviral.analysis.facts.post_text import HOOK_CHARACTERS, count_characters, first_sentence, read_text
from whyviral.social.platforms import Platform

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
def test_visible_characters_are_counted(text: str, characters: int) -> None:
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
def test_each_hashtag_is_listed_once_in_any_script(text: str, hashtags: tuple[str, ...]) -> None:
    assert read_text(text).hashtags == hashtags


def test_an_at_sign_in_an_email_address_or_url_is_not_a_mention() -> None:
    features = read_text("by @paper.kite. Write to me@example.org or see https://example.org/@other, @Paper.Kite")

    assert features.mentions == ("@paper.kite",)


def test_a_link_counts_only_as_a_link() -> None:
    features = read_text("look HTTPS://example.org/?why=now!#tag")

    assert (features.links, features.words) == (1, 1)
    assert (features.questions, features.exclamations, features.hashtags) == (0, 0, ())


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("#日〃", ("#日〃",)),
        ("#ニュ\uff5eス #ウェ〜ブ", ("#ニュ\uff5eス", "#ウェ〜ブ")),
        ("#דו״ח #ג\u05f3רף #תל־אביב", ("#דו״ח", "#ג\u05f3רף", "#תל־אביב")),
        ("#col·lecció", ("#col·lecció",)),
        ("#ལྷ་ས་", ("#ལྷ་ས་",)),
        ("#می‌روم", ("#می‌روم",)),
        ("#7th #7", ("#7th",)),
        ("#_ #7_8 #\u0667 #〃 #① #・", ()),
        ("#\ufe0f\u20e3 #\ufe0fred \u2764\ufe0f#heart", ("#heart",)),
        ("凧#凧 凧。#風 \uff01\uff03空 (#line)", ("#風", "#空", "#line")),
        ("#one#two #https://example.org #end", ("#end",)),
        ("&#x27; &#kite", ()),
    ],
)
def test_a_hashtag_ends_where_x_ends_it(text: str, hashtags: tuple[str, ...]) -> None:
    assert read_text(text, platform=Platform.X).hashtags == hashtags


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("RT@kite_fan rt:@wind, Rt @line", ("@kite_fan", "@wind", "@line")),
        ("start@kite sRT@kite @kite@example.com", ()),
        ("go!@a #@b $@c %@d &@e *@f @@g _@h 7@i", ()),
        ("@_@ hello", ()),
        ("@mariaòrosa @joséphine", ()),
        ("凧は@kite_fanさん (@wind) .@line", ("@kite_fan", "@wind", "@line")),
        ("@http://example.org \uff20kite @1234", ("@kite", "@1234")),
        ("@kite/builders @kite/7", ("@kite",)),
        ("@paper.kite", ("@paper",)),
        ("@" + "k" * 25, ("@" + "k" * 20,)),
    ],
)
def test_mentions_follow_the_syntax_of_x(text: str, mentions: tuple[str, ...]) -> None:
    assert read_text(text, platform=Platform.X).mentions == mentions


@pytest.mark.parametrize(
    ("platform", "text", "mentions"),
    [
        (Platform.INSTAGRAM, "by @paper.kite. and @wind_, go!@kite @kite@example.com", ("@paper.kite", "@wind_")),
        (Platform.YOUTUBE, "by @paper-kite and @凧.公式. me@example.org", ("@paper-kite", "@凧.公式")),
        (None, "by @paper.kite. and @kite@example.com", ("@paper.kite",)),
    ],
)
def test_mentions_follow_the_syntax_of_their_platform(
    platform: Platform | None, text: str, mentions: tuple[str, ...]
) -> None:
    assert read_text(text, platform=platform).mentions == mentions


@pytest.mark.parametrize(
    ("text", "links", "rest"),
    [
        ("https://example.com/【#タグ】登録してね", 1, "【#タグ】登録してね"),
        ("見て→https://example.com/a、https://example.com/b。終わり", 2, "見て→ 、 。終わり"),
        ("https://example.com/aを見て", 1, "を見て"),
        ("https://example.com한국", 1, "한국"),
        ("ดูhttps://example.com/กที่นี่", 1, "ดู กที่นี่"),
        ("「https://example.com/」です", 1, "「 」です"),
        ("https://example.com/\uff1fはい", 1, "\uff1fはい"),
        ("https://例え.jp/凧 x", 1, "凧 x"),
        ("https://ru.example.com/Змей y", 1, "y"),
        ("(https://example.com/Kite_(bird)) z", 1, "( ) z"),
        ("Seen https://example.com/a?b=c?", 1, "Seen ?"),
        ("Read https://example.com/a.", 1, "Read"),
        ("https://a.example/https://b.example/", 1, ""),
    ],
)
def test_a_link_ends_at_letters_and_punctuation_of_other_scripts(text: str, links: int, rest: str) -> None:
    prose, found = cut_links(text)

    assert (" ".join(prose.split()), found) == (rest, links)


def test_text_after_a_link_is_counted() -> None:
    features = read_text("https://example.com/【#タグ】登録してね")

    assert (features.links, features.hashtags, features.hook) == (1, ("#タグ",), "【#タグ】登録してね")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("新しい凧を買いました", None),
        ("ว่าวใหม่", None),
        ("凧 kite", None),
        ("새 연을 샀다", 3),
        ("a kite called 凧 that we flew all day long on the beach near Lisbon", 15),
        ("\u3164 \u2800 kite", 1),
        ("", 0),
    ],
)
def test_words_are_counted_only_in_scripts_with_spaces(text: str, words: int | None) -> None:
    assert read_text(text).words == words


def test_question_and_exclamation_marks_of_other_scripts_are_counted() -> None:
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
def test_a_long_hook_without_spaces_ends_between_visible_characters(cluster: str) -> None:
    text = "a" + cluster * 100

    hook = first_sentence(text)

    assert hook
    assert len(hook) <= HOOK_CHARACTERS
    assert (len(hook) - 1) % len(cluster) == 0


@given(st.text() | st.text("#@?!.\u200d\ufe0f\u0301\u202eab\U0001f44d\U0001f1eb https://", max_size=600))
def test_any_text_of_a_post_can_be_read(text: str) -> None:
    features = read_text(text)

    assert len(features.hook) <= HOOK_CHARACTERS
    assert not any(character in features.hook for character in "\n\r\t\x0b\x0c\u2028\u2029")
    assert features.characters <= len(unicodedata.normalize("NFC", text))
    assert len(set(features.hashtags)) == len(features.hashtags)


@pytest.mark.parametrize(
    "unit", ["#a", "#", "@a.", "@", "https://", ".'", "\u200d", "\U0001f44d\u200d", "\u0301", "a "]
)
def test_adversarial_texts_are_read_in_linear_time(unit: str) -> None:
    read_text((unit * 500_000)[:500_000])  # a reader of superlinear complexity would not finish
