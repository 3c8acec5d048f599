"""Makes untrusted text harmless in exported files: posts, names and model answers may hold hostile characters."""

import re
import unicodedata

_JOINERS = "\u200c\u200d"
"""Zero-width joiners are kept, because emoji and several scripts need them."""
_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
"""Control characters, format characters such as overrides of the direction, and halves of surrogate pairs."""

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&$@!]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_BLOCK_START = re.compile(r"^(?:[#+=-]|[0-9]{1,9}(?=[.)]))")
_FORMULA = re.compile("(^|;)([\"'\\s]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_NOT_ASCII = re.compile(r"[^\n\x20-\x7e]")


def one_line(text: str) -> str:
    """Return the text on one line, without control and format characters and with single spaces."""
    return " ".join("".join(map(_visible, text)).split())


def _visible(character: str) -> str:
    if character in _BREAKS:
        return " "
    return "" if unicodedata.category(character) in _INVISIBLE and character not in _JOINERS else character


def markdown(text: str) -> str:
    """Return the text on one line, escaped so that Markdown shows it as it is: no link, image, HTML or heading.

    Bare addresses are escaped as well, because renderers turn them into links.
    """
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[0]}", one_line(text))
    return _BLOCK_START.sub(_escape_block_start, escaped)


def _escape_block_start(found: re.Match[str]) -> str:
    """Escape the start of a list or heading. A digit cannot be escaped, so the character after it is."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def quoted_markdown(text: str) -> list[str]:
    """Return the lines of the text as a Markdown quotation."""
    lines = [markdown(line) for line in re.split(f"[{_BREAKS}]", text.replace("\t", " "))]
    return [f"> {line}  " if line else ">" for line in lines]


def spreadsheet_text(text: str) -> str:
    """Return the text on one line, with an apostrophe before each part that a spreadsheet would run as a formula.

    The beginning is escaped, and so is the text after each semicolon, because a spreadsheet that expects semicolons
    between cells splits there. Source: OWASP, "CSV Injection".
    """
    return _FORMULA.sub(r"\1\2'", one_line(text))


def inert_json(text: str) -> str:
    """Return JSON that stands for the same data, with its control and format characters escaped."""
    return _NOT_ASCII.sub(_escape_invisible, text)


def _escape_invisible(found: re.Match[str]) -> str:
    character = found[0]
    if unicodedata.category(character) not in _INVISIBLE and character not in _BREAKS:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
