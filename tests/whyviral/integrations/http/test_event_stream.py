import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.integrations.http import event_stream
from whyviral.integrations.http.event_stream import EventReader, EventTooLarge, ServerEvent


def read(*chunks: bytes) -> list[ServerEvent]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [ServerEvent("", "a")]),
        (b"data:a\r\n\r\n", [ServerEvent("", "a")]),
        (b"event: token\ndata: a\ndata: b\n\n", [ServerEvent("token", "a\nb")]),
        (b": ping\n\nid: 7\nretry: 1\ndata: a\n\n", [ServerEvent("", "a")]),
        (b"event: ping\n\ndata: a\n\n", [ServerEvent("", "a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent("", "a")]),
        (b'{"error": 1}\n', [ServerEvent("", '{"error": 1}')]),
        (b"data: a\n\ndata: lost", [ServerEvent("", "a")]),
        (b"data: a\n\ndata: lost\n", [ServerEvent("", "a")]),
        (b"data: \xff\n\n", [ServerEvent("", "\ufffd")]),
    ],
)
def test_a_stream_is_read_as_events(stream: bytes, events: list[ServerEvent]) -> None:
    assert read(stream) == events


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    assert read(f"data: a{separator}b\n\n".encode()) == [ServerEvent("", f"a{separator}b")]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)), st.data())
def test_it_does_not_matter_where_a_stream_is_cut_into_chunks(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(f"data: {text}\n\n".encode() for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert read(*chunks) == [ServerEvent("", text) for text in texts]


def test_an_event_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 100)

    with pytest.raises(EventTooLarge):
        read(b"data: " + b"a" * 101)
    with pytest.raises(EventTooLarge):
        read(b"data: aaaaaaaaaa\n" * 11)
