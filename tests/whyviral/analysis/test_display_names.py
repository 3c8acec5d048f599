from typing import Any

import pytest

from whyviral.analysis.display_names import MAX_CHARACTERS, name_of
from whyviral.social.models import Post


def post(username: str | None, content: str | None = "Hello there. And more.", **details: Any) -> Post:
    return Post(username=username, content=content, details=details)


@pytest.mark.parametrize(
    ("posts", "name"),
    [
        ([post("jack", "just setting up my twttr")], "@jack: just setting up my twttr"),
        ([post("jack")], "@jack: Hello there."),
        ([post("lab", "Title\n\nText", title="How kites fly")], "@lab: How kites fly"),
        ([post("jack", "")], "@jack"),
        ([post("jack", None)], "@jack"),
        ([post("jack"), post("jack")], "@jack: 2 posts"),
        ([post("jack"), post("jill")], "@jack, @jill"),
        ([post("a"), post("b"), post("a"), post("c"), post("d")], "@a, @b and 2 more"),
        ([post("jack"), post(None)], "@jack: 2 posts"),
        ([post(None)], None),
        ([], None),
    ],
)
def test_the_display_name_of_a_request_comes_from_its_posts(posts: list[Post], name: str | None) -> None:
    assert name_of(posts) == name


def test_a_long_display_name_is_cut_between_words() -> None:
    name = name_of([post("jack", "word " * 60)])

    assert name is not None
    assert len(name) <= MAX_CHARACTERS
    assert name.endswith("word…")


def test_a_long_display_name_without_spaces_is_cut() -> None:
    name = name_of([post("jack", "x" * 500)])

    assert name is not None
    assert len(name) <= MAX_CHARACTERS
