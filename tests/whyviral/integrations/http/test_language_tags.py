import pytest

from whyviral.integrations.http.language_tags import find_language_tag, language_distance, read_language_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN_us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("in", "id"),
        ("iw", "he"),
        ("iw-IL", "he-IL"),
        ("ji", "yi"),
        ("jw", "jv"),
        ("mo", "ro"),
        ("yue", "yue"),
        (" pt-BR ", "pt-BR"),
        (None, None),
        ("", None),
        ("qme", None),
        ("und", None),
        ("zxx", None),
        ("art", None),
        ("English", None),
        ("en-ignore-all-rules", None),
        ("en\n", "en"),
        ("en x", None),
    ],
)
def test_a_tag_is_normalised_to_bcp_47(text: str | None, tag: str | None) -> None:
    assert read_language_tag(text) == tag


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("en-nP7-2PuUl7o", "en"),
        ("pt-BR-j3PyPqV-e1s", "pt-BR"),
        ("iw-AbC_dEf-123", "he"),
        ("nP7-2PuUl7o", None),
        ("live_chat", None),
    ],
)
def test_the_language_is_read_from_the_start_of_a_track_name(name: str, tag: str | None) -> None:
    assert find_language_tag(name) == tag


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("pt-BR", "pt-BR", 0),
        ("pt", "pt-BR", 1),
        ("pt-PT", "pt-BR", 2),
        ("zh-TW", "zh-Hant", 1),
        ("zh-TW", "zh-Hans", 2),
        ("no", "nb", 1),
        ("de", "en", None),
    ],
)
def test_more_similar_tags_have_a_smaller_distance(one: str, other: str, distance: int | None) -> None:
    assert language_distance(one, other) == distance
    assert language_distance(other, one) == distance
