"""Untrusted text in exported files: it is shown as it is, and nothing in it runs or is followed."""

import json

import pytest
from markdown_it import MarkdownIt

from whyviral.analysis.export.plain_text import inert_json, markdown, one_line, quoted_markdown, spreadsheet_text

HOSTILE = [
    "[a](javascript:alert(1))",
    "![a](https://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<https://evil.example>",
    "https://evil.example/?a=1",
    "www.evil.example",
    "# heading",
    "- list",
    "+ list",
    "* list",
    "1. list",
    "12) list",
    "> quotation",
    "---",
    "===",
    "```code",
    "    code",
    "`code`",
    "**bold** and __bold__",
    "~~gone~~",
    "&lt;b&gt; &#x202e;",
    "| a | b |",
    "[a]: https://evil.example",
    "a\\[b](c)",
    "line\n# heading\n\n[a](b)",
    "a@evil.example",
]
HARMLESS_TAGS = {"paragraph_open", "paragraph_close", "inline", "list_item_open", "list_item_close"} | {
    "bullet_list_open",
    "bullet_list_close",
    "text",
    "text_special",
    "softbreak",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:40])
@pytest.mark.parametrize("prefix", ["", "- "])
def test_markdown_shows_hostile_text_as_it_is(text: str, prefix: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False, "html": True})

    tokens = parser.parse(prefix + markdown(text))

    inline = [token for token in tokens if token.type == "inline"]
    kinds = {token.type for token in tokens} | {child.type for token in inline for child in token.children or ()}
    assert kinds <= HARMLESS_TAGS
    assert "".join(child.content for token in inline for child in token.children or ()) == one_line(text)


@pytest.mark.parametrize("text", ["https://evil.example", "HTTP://evil.example", "www.evil.example", "a@evil.example"])
def test_bare_addresses_are_interrupted_where_renderers_look_for_them(text: str) -> None:
    assert markdown(text).lower() in {
        "https\\://evil.example",
        "http\\://evil.example",
        "www\\.evil.example",
        "a\\@evil.example",
    }


def test_a_quotation_keeps_its_lines_and_no_line_leaves_it() -> None:
    assert quoted_markdown("one\r\n\n# two\u2028three") == ["> one  ", ">", ">", "> \\# two  ", "> three  "]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eevil\u202c", "evil"),
        ("\u2066a\u2069\u200f\u200eb", "ab"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("a\ufeffb\u00adc\u200bd", "abcd"),
        ("tag\U000e0041", "tag"),
        ("a\t\r\nb\u2028c", "a b c"),
        ("half \ud83d", "half"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
    ],
)
def test_control_and_format_characters_are_removed_and_letters_and_emoji_stay(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r=1", "'=1"),
        ("\n =1", "'=1"),
        ("\u200b=1", "'=1"),
        ("\u202e=1", "'=1"),
        ("\uff1d1", "'\uff1d1"),
        ('"=1', "\"'=1"),
        ("a;=1", "a;'=1"),
        ('a;"=1"', 'a;"\'=1"'),
        ("a; @b; c", "a; '@b; c"),
        ("1 = 1 - 0", "1 = 1 - 0"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_no_part_of_a_cell_can_run_as_a_formula(text: str, cell: str) -> None:
    assert spreadsheet_text(text) == cell


def test_json_keeps_its_data_while_format_characters_are_escaped() -> None:
    document = {"text": "\u202e\U000e0041\u2028\x85 caf\u00e9 \u65e5\u672c \U0001f469\u200d\U0001f4bb"}

    written = inert_json(json.dumps(document, ensure_ascii=False, indent=2))

    assert json.loads(written) == document
    assert "\\u202e\\udb40\\udc41\\u2028\\u0085 caf\u00e9 \u65e5\u672c" in written
