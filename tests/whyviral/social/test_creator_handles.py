import pytest

from whyviral.social.creator_handles import CreatorHandle, InvalidHandle, parse_handle
from whyviral.social.platforms import Platform

CHANNEL = "UC" + "a1_-" * 5 + "bc"
WRONG = [
    ("", Platform.X),
    ("@", Platform.X),
    ("@jack dorsey", Platform.X),
    ("@" + "a" * 16, Platform.X),
    ("@jack!", Platform.X),
    ("home", Platform.X),
    ("@j\u0430ck", Platform.X),
    ("@.kite", Platform.INSTAGRAM),
    ("@kite.", Platform.INSTAGRAM),
    ("@ki..te", Platform.INSTAGRAM),
    ("@" + "a" * 31, Platform.INSTAGRAM),
    ("explore", Platform.INSTAGRAM),
    ("@ab", Platform.YOUTUBE),
    ("@a b c", Platform.YOUTUBE),
    ("jack", None),
    ("https://example.com/jack", None),
    ("https://x.com/", None),
    ("https://x.com/jack/status/20", None),
    ("https://x.com/i/status/20", None),
    ("https://x.com/search?q=kite", None),
    ("https://www.instagram.com/p/C0abcdefghi/", None),
    ("https://www.instagram.com/explore/tags/kite/", None),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", None),
    ("https://www.youtube.com/kites", None),
    ("https://www.youtube.com/channel/UC", None),
    ("https://user@x.com/jack", None),
    ("https://127.0.0.1/jack", None),
    ("javascript://x.com/jack", None),
    ("https://x.com/jack", Platform.INSTAGRAM),
    ("../../jack", Platform.X),
    ("jack\nx", Platform.X),
]


@pytest.mark.parametrize(
    ("text", "platform", "expected"),
    [
        ("@jack", Platform.X, CreatorHandle(Platform.X, "jack")),
        ("  jack_1 ", Platform.X, CreatorHandle(Platform.X, "jack_1")),
        ("https://x.com/jack", None, CreatorHandle(Platform.X, "jack")),
        ("https://twitter.com/@Jack/with_replies?s=20", None, CreatorHandle(Platform.X, "Jack")),
        ("@paper.kite_1", Platform.INSTAGRAM, CreatorHandle(Platform.INSTAGRAM, "paper.kite_1")),
        ("https://www.instagram.com/paper.kite/reels/", None, CreatorHandle(Platform.INSTAGRAM, "paper.kite")),
        ("@Kites-and-Wind", Platform.YOUTUBE, CreatorHandle(Platform.YOUTUBE, "Kites-and-Wind")),
        ("@\u051b\u0438\u0442", Platform.YOUTUBE, CreatorHandle(Platform.YOUTUBE, "\u051b\u0438\u0442")),
        ("https://www.youtube.com/@kites/shorts", None, CreatorHandle(Platform.YOUTUBE, "kites")),
        (f"https://youtube.com/channel/{CHANNEL}/videos", None, CreatorHandle(Platform.YOUTUBE, CHANNEL)),
        ("x.com/jack", Platform.X, CreatorHandle(Platform.X, "jack")),
    ],
)
def test_a_handle_or_a_profile_url_names_one_account(
    text: str, platform: Platform | None, expected: CreatorHandle
) -> None:
    assert parse_handle(text, platform) == expected


@pytest.mark.parametrize(("text", "platform"), WRONG, ids=[f"{number}" for number in range(len(WRONG))])
def test_any_other_text_is_rejected_with_what_to_do(text: str, platform: Platform | None) -> None:
    with pytest.raises(InvalidHandle) as problem:
        parse_handle(text, platform)

    assert len(problem.value.message) > 20
