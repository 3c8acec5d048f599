import pytest

from whyviral.integrations.http.vendor_text import decode_escapes, has_words, visible_text, without_tags


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("tea &gt; coffee, R&amp;D &lt;3", "tea > coffee, R&D <3"),
        ("&amp;lt;b&amp;gt; &amp;amp;", "&lt;b&gt; &amp;"),
        ("it&#39;s &quot;it&quot; &#x1F600;", 'it\'s "it" \U0001f600'),
        ("?a=1&copy=2&lt=3 & done", "?a=1&copy=2&lt=3 & done"),
        ("&nosuchname; &#0; &#xD800;", "&nosuchname; \ufffd \ufffd"),
        ("", ""),
    ],
)
def test_an_html_escape_is_decoded_once(sent: str, text: str) -> None:
    assert decode_escapes(sent) == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [("<b>a</b><br/>", "a"), ("<00:00:01.200><c> a</c>", " a"), ("i <3 you > me", "i <3 you > me"), ("1<2", "1<2")],
)
def test_tags_are_removed_and_less_than_signs_are_kept(sent: str, text: str) -> None:
    assert without_tags(sent) == text


@pytest.mark.parametrize(
    "text", ["", " \n", "\u3164", "\u2800\u2800", "\u200b", "\ufe0f", "\u115f \uffa0", "\ufeff\u00a0"]
)
def test_text_of_invisible_characters_is_empty(text: str) -> None:
    assert visible_text(text) == ""
    assert not has_words(text)


@pytest.mark.parametrize("text", ["a", "\U0001f44d", "!", "凧", "\u2764\ufe0f"])
def test_visible_text_is_not_empty(text: str) -> None:
    assert visible_text(f" {text}\n") == text
