import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.core.errors import ErrorCategory
from whyviral.social.platforms import Platform
from whyviral.social.post_urls import (
    InvalidPostUrl,
    InvalidUrlReason,
    PostUrl,
    find_canonical_url,
    parse_post_url,
)

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("post-urls.json").read_text())
ACCEPTED = [vector["url"] for vector in VECTORS if vector["reason"] == "ok"]
HOSTS_AND_PATHS = [
    ("www.instagram.com", "/p/CtnPcJU8aWK/"),
    ("instagram.com", "/reel/CtnPcJU8aWK"),
    ("instagr.am", "/p/CtnPcJU8aWK"),
    ("x.com", "/i/status/20"),
    ("mobile.twitter.com", "/jack/status/20"),
    ("fxtwitter.com", "/jack/status/20"),
    ("www.youtube.com", "/watch?v=PNWacqWqOY8"),
    ("youtu.be", "/PNWacqWqOY8"),
]


def reason_of(url: str) -> str:
    with pytest.raises(InvalidPostUrl) as refused:
        parse_post_url(url)
    return refused.value.reason


def outcome_of(url: str) -> PostUrl | InvalidUrlReason:
    try:
        return parse_post_url(url)
    except InvalidPostUrl as refused:
        return refused.reason


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["url"])
def test_a_url_of_the_contract_is_parsed_or_rejected_as_stated(vector: dict[str, Any]) -> None:
    outcome = outcome_of(vector["url"])

    expected = (
        PostUrl(Platform(vector["platform"]), vector["id"], vector["canonical"])
        if vector["reason"] == "ok"
        else InvalidUrlReason(vector["reason"])
    )
    assert outcome == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://x.com/jack/status/20?".ljust(2_049, "a"), "not_a_url"),
        ("   \n", "not_a_url"),
        ("hello", "not_a_url"),
        ("p/CtnPcJU8aWK", "not_a_url"),
        ("/p/CtnPcJU8aWK", "not_a_url"),
        ("//www.instagram.com/p/CtnPcJU8aWK", "not_a_url"),
        ("?v=PNWacqWqOY8", "not_a_url"),
        ("https:///p/CtnPcJU8aWK", "not_a_url"),
        ("https:x.com/jack/status/20", "not_a_url"),
        ("https://:443/jack/status/20", "not_a_url"),
        ("https://x.com/jack/status/20\x00", "not_a_url"),
        ("https://x.com/jack/status/20?\ud800", "not_a_url"),
        ("https://x.com/jack/\u2028status/20", "not_a_url"),
        ("https://x.com/jack\t/status/20", "not_a_url"),
        ("data:text/html,x.com/jack/status/20", "unsupported_scheme"),
        ("file:///x.com/jack/status/20", "unsupported_scheme"),
        ("intent://x.com/jack/status/20", "unsupported_scheme"),
        ("instagram://media?id=3609139641052120087", "unsupported_scheme"),
        ("JavaScript://x.com/%0aalert(1)", "unsupported_scheme"),
        ("x.com://jack/status/20", "unsupported_scheme"),
        ("jack@x.com/jack/status/20", "userinfo"),
        ("x.com:20@evil.io/jack/status/20", "userinfo"),
        ("https://jack@x.com:8443/jack/status/20", "userinfo"),
        ("https://x.com:80/jack/status/20", "bad_port"),
        ("http://x.com:443/jack/status/20", "bad_port"),
        ("https://x.com:/jack/status/20", "bad_port"),
        ("https://x.com:0443/jack/status/20", "bad_port"),
        ("https://x.com:443:443/jack/status/20", "bad_port"),
        ("https://[::1]:8443/jack/status/20", "bad_port"),
        ("https://[::1/jack/status/20", "ip_host"),
        ("[::1]/jack/status/20", "ip_host"),
        ("http://0x7f.1/jack/status/20", "ip_host"),
        ("http://0x7f000001/jack/status/20", "ip_host"),
        ("https://\uff58.com/jack/status/20", "non_ascii_host"),
        ("instagram。com/p/CtnPcJU8aWK", "non_ascii_host"),
        ("https://faceboo\u212a.com/p/CtnPcJU8aWK", "non_ascii_host"),
        ("https://x.com\u200b/jack/status/20", "non_ascii_host"),
        ("https://XN--instagrm-76g.com/p/CtnPcJU8aWK", "non_ascii_host"),
        ("https://www-instagram.com/p/CtnPcJU8aWK", "unsupported_host"),
        ("https://instagram.com%2Eevil.io/p/CtnPcJU8aWK", "unsupported_host"),
        ("https://l.instagram.com/?u=https%3A%2F%2Finstagram.com%2Fp%2FCtnPcJU8aWK", "unsupported_host"),
        ("https://web.archive.org/web/2020/https://x.com/jack/status/20", "unsupported_host"),
        ("https://x.com./jack/status/20", "unsupported_host"),
        ("https://pic.x.com/AbCdEf1234", "unsupported_host"),
        ("https://www.ddinstagram.com/p/CtnPcJU8aWK", "unsupported_host"),
        ("https://www.instagram.com/share/p/BARSSL4rTu", "share_link"),
        ("https://www.instagram.com/share/", "not_a_post"),
        ("https://www.instagram.com", "not_a_post"),
        ("https://www.instagram.com/explore/p/CtnPcJU8aWK", "not_a_post"),
        ("https://www.instagram.com/P/CtnPcJU8aWK", "not_a_post"),
        ("https://x.com/i/broadcasts/1OyKAVQLqPBGb", "not_a_post"),
        ("https://x.com/#!/jack/status/20", "not_a_post"),
        ("https://www.youtube.com/embed/live_stream?channel=UCabcdefghijklmnopqrstuv", "not_a_post"),
        ("https://www.youtube.com/attribution_link?u=%2Fwatch%3Fv%3DPNWacqWqOY8", "not_a_post"),
        ("https://www.instagram.com/p/AAAA/", "bad_id"),
        ("https://www.instagram.com/p/IAAAAAAAAAA/", "bad_id"),
        ("https://www.instagram.com/paper.kite/reel/", "bad_id"),
        ("https://x.com/statuses/", "bad_id"),
        ("https://x.com/jack/status/9223372036854775808", "bad_id"),
        ("https://x.com/jack/status/٢٠", "bad_id"),
        ("https://x.com/jack/status/020", "bad_id"),
        ("https://x.com/jack/status/20%2F", "bad_id"),
        ("https://www.youtube.com/watch/short?list=x", "bad_id"),
        ("https://www.youtube.com/?v=short", "bad_id"),
        ("https://www.youtube.com/?w=PNWacqWqOY8", "not_a_post"),
        ("https://www.youtube.com/watch#v=PNWacqWqOY8", "bad_id"),
        ("https://www.youtube.com/watch?v=PNWacqWqOY8x?si=a", "bad_id"),
        ("https://x.com/jack/status/20x&s=1", "bad_id"),
        ("https://x.com/@@jack/status/20", "not_a_post"),
        ("https://x.com/jack/sta\u200btus/20", "not_a_post"),
        ("https://x.com/jack/status/2\u200b0", "bad_id"),
        ("https://\u200bx.com/jack/status/20", "non_ascii_host"),
        ("https://x.com/jack/status/20\x7f", "not_a_url"),
        ("https://https://x.com/jack/status/20", "not_a_url"),
        ("https://http//x.com/jack/status/20", "not_a_url"),
        ("http://HTTPS://x.com/jack/status/20", "not_a_url"),
        ("[post](https://x.com/jack/status/20)", "not_a_url"),
        ("[x.com](https://x.com/jack/status/20)", "not_a_url"),
        ("(https://x.com/jack/status/20)", "not_a_url"),
        ("<https://x.com/jack/status/20>", "not_a_url"),
        ('"https://x.com/jack/status/20"', "not_a_url"),
        ("https://youtu.be/PNWacqWqOY8,", "bad_id"),
        ("https://www.youtube.com/watch?v=short&v=PNWacqWqOY8", "bad_id"),
        ("https://www.youtube.com/watch?V=PNWacqWqOY8", "bad_id"),
        ("https://youtu.be/", "bad_id"),
    ],
)
def test_a_url_is_rejected_with_the_first_reason_that_applies(url: str, reason: str) -> None:
    assert reason_of(url) == reason


@pytest.mark.parametrize(
    ("url", "post_id"),
    [
        ("https://x.com/jack/status/9223372036854775807", "9223372036854775807"),
        ("https://www.instagram.com/p/H__________/", "H__________"),
        ("https://www.instagram.com/p/reels/", "reels"),
        ("x.com:443/jack/status/20", "20"),
        ("http://x.com:80/jack/status/20", "20"),
        ("https://x.com/statuses/20", "20"),
        ("https://x.com/jack/status/20?".ljust(2_048, "a"), "20"),
        ("https://youtube.com/watch/?v=PNWacqWqOY8&v=other", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch?v=PNWacqWqOY8?hl=en&fs=1", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch?v=PNWacqWqOY8?si=abcDEF", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch?v=PNWacqWqOY8%3Fsi%3Dabc", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch?feature=share&amp;v=PNWacqWqOY8", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch?v=PNWacqWqOY8;t=1", "PNWacqWqOY8"),
        ("https://youtu.be/PNWacqWqOY8&t=10s", "PNWacqWqOY8"),
        ("https://www.youtube.com/shorts/PNWacqWqOY8&feature=share", "PNWacqWqOY8"),
        ("https://www.youtube.com/?v=PNWacqWqOY8", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch/PNWacqWqOY8?list=x", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch#!v=PNWacqWqOY8&t=1", "PNWacqWqOY8"),
        ("https://www.youtube.com/watch_popup?v=PNWacqWqOY8", "PNWacqWqOY8"),
        ("https://x.com/@jack/status/20", "20"),
        ("https://x.com/jack/status/20&s=46", "20"),
        ("https://www.instagram.com//p/CtnPcJU8aWK", "CtnPcJU8aWK"),
        ("https://www.instagram.com/p/CtnPcJU8aWK&igsh=abc", "CtnPcJU8aWK"),
    ],
)
def test_an_unusual_but_valid_url_is_accepted(url: str, post_id: str) -> None:
    assert parse_post_url(url).post_id == post_id


@pytest.mark.parametrize("before", ["", "\ufeff", "\u200b", "\u202b", "\u00a0", "\u3000\u2060", "\u3164", "\u2800\n"])
@pytest.mark.parametrize("behind", ["", "\u200b", "\u200e", "\u00a0", "\u00ad", "\u2028", "\ufe0f", "\u034f\u202c"])
@pytest.mark.parametrize("url", ["https://x.com/jack/status/20", "x.com/jack/status/20"])
def test_invisible_characters_around_a_url_are_removed(before: str, url: str, behind: str) -> None:
    assert parse_post_url(f"{before}{url}{behind}").post_id == "20"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("https://https://x.com/jack/status/20", "alone"),
        ("[post](https://x.com/jack/status/20)", "alone"),
        ("<https://x.com/jack/status/20>", "alone"),
        ("look: https://x.com/jack/status/20", "alone"),
        ("https://youtu.be/PNWacqWqOY8,", "remove the last character"),
        ("https://x.com/jack/status/20).", "remove the last character"),
        ("https://youtu.be/PNWacqWq", "copy the whole link again"),
    ],
)
def test_the_message_of_a_rejected_url_says_what_to_paste(url: str, hint: str) -> None:
    with pytest.raises(InvalidPostUrl) as refused:
        parse_post_url(url)

    assert hint in refused.value.message
    assert str(refused.value) == refused.value.message


@pytest.mark.parametrize(
    ("url", "path_word"),
    [
        ("https://www.instagram.com/paper.kite/reel/CtnPcJU8aWK/", "reel"),
        ("https://www.youtube.com/shorts/PNWacqWqOY8", "shorts"),
        ("https://youtu.be/PNWacqWqOY8", None),
    ],
)
def test_the_path_word_is_kept_and_does_not_affect_equality(url: str, path_word: str | None) -> None:
    post = parse_post_url(url)

    assert post.path_word == path_word
    assert post == parse_post_url(post.canonical_url)


@pytest.mark.parametrize("reason", InvalidUrlReason)
def test_every_invalid_url_reason_has_advice_for_the_user_and_its_category(reason: InvalidUrlReason) -> None:
    refusal = InvalidPostUrl(reason)

    is_unsupported = reason in {"unsupported_host", "not_a_post", "share_link"}
    assert refusal.category == (ErrorCategory.UNSUPPORTED if is_unsupported else ErrorCategory.INVALID_URL)
    assert refusal.message.endswith(".")
    assert str(refusal) == refusal.message


@pytest.mark.parametrize(
    ("platform", "post_id", "url"),
    [
        (Platform.X, "20", "https://x.com/i/status/20"),
        (Platform.YOUTUBE, "PNWacqWqOY8", "https://www.youtube.com/watch?v=PNWacqWqOY8"),
        (Platform.INSTAGRAM, "CtnPcJU8aWK", "https://www.instagram.com/p/CtnPcJU8aWK/"),
        (Platform.X, "20/../../evil", None),
        (Platform.YOUTUBE, "javascript:", None),
        (Platform.INSTAGRAM, "", None),
    ],
)
def test_only_an_id_of_the_right_form_has_a_canonical_url(platform: Platform, post_id: str, url: str | None) -> None:
    assert find_canonical_url(platform, post_id) == url


@given(st.text() | st.text(alphabet="htps:/.x[]@\\?#=& \u3002\uff58%0123", max_size=60))
def test_any_text_is_parsed_or_rejected_as_a_post_url(text: str) -> None:
    outcome_of(text)


@given(
    st.sampled_from([host for host, _ in HOSTS_AND_PATHS]),
    st.lists(st.text(st.characters(exclude_characters="/?#\\", exclude_categories=["C", "Z"])), max_size=6),
    st.text(max_size=30),
)
def test_parsing_a_canonical_url_returns_the_same_post(host: str, parts: list[str], query: str) -> None:
    outcome = outcome_of(f"https://{host}/{'/'.join(parts)}?{query}")

    if isinstance(outcome, PostUrl):
        again = parse_post_url(outcome.canonical_url)
        assert again == outcome
        assert outcome.canonical_url.isascii()


@pytest.mark.parametrize("url", ACCEPTED)
def test_parsing_a_canonical_url_of_the_contract_returns_the_same_post(url: str) -> None:
    post = parse_post_url(url)

    assert parse_post_url(post.canonical_url) == post


URL_TAIL = st.text(st.characters(exclude_characters="\\", exclude_categories=["C", "Z"]), max_size=80)


@given(st.sampled_from(VECTORS), URL_TAIL, URL_TAIL)
def test_query_and_fragment_do_not_change_the_outcome_of_a_url(
    vector: dict[str, Any], query: str, fragment: str
) -> None:
    url = vector["url"].strip().partition("#")[0]
    if url and not url.startswith(("javascript:", "look at")):  # in these texts the added query would not be one
        joint = "&_" if "?" in url else "?_"

        decorated = outcome_of(f"{url}{joint}{query.replace('&v=', '')}#{fragment}")

        assert decorated == outcome_of(url)


LABEL = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12)


@given(st.sampled_from(HOSTS_AND_PATHS), LABEL)
def test_a_host_that_only_contains_an_accepted_host_is_rejected(host_and_path: tuple[str, str], label: str) -> None:
    host, path = host_and_path
    disguises = [
        f"{host}.{label}.io",
        f"{label}.evil.io/{host}",
        f"q{label}{host}",
        f"q{label}-{host}",
        f"q{label}.{host}",
        f"{host}{label}q",
        f"{host}.",
        f".{host}",
        f"{host}@{label}.io",
        f"{label}@{host}",
        f"{label}:{label}@{host}",
        f"{host}%2E{label}.io",
        f"{host}%00",
        f"{host}:{label}q",
        f"{host}\\@{label}.io",
        host.replace(".", "%2E"),
        host.replace(".", "\u3002"),
        host.replace(".", ".."),
    ]

    for disguise in disguises:
        assert isinstance(outcome_of(f"https://{disguise}{path}"), InvalidUrlReason), disguise


@given(st.sampled_from(HOSTS_AND_PATHS), st.data())
def test_a_host_with_one_non_ascii_letter_is_rejected(host_and_path: tuple[str, str], data: st.DataObject) -> None:
    host, path = host_and_path
    position = data.draw(st.integers(0, len(host) - 1))
    foreign = data.draw(
        st.characters(min_codepoint=128)
        | st.sampled_from("\u0430\u0435\u043e\u0441\u0445\u0456\uff4d\u212a\u017f\u0131")
    )

    for disguise in (host[:position] + foreign + host[position + 1 :], host[:position] + foreign + host[position:]):
        assert outcome_of(f"https://{disguise}{path}") in {"non_ascii_host", "not_a_url"}


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 1_000_000,
        " " * 1_000_000,
        "https://" + "a." * 500_000,
        "https://" + "@" * 1_000_000,
        "https://" + "[" * 1_000_000,
        "https://x.com/" + "/" * 1_000_000,
        "https://youtube.com/watch?" + "&" * 1_000_000,
        "0." * 500_000,
        ":" * 1_000_000,
        "%" * 1_000_000,
    ],
    ids=lambda hostile: hostile[:30].strip(),
)
def test_a_very_long_url_is_rejected_in_linear_time(hostile: str) -> None:
    assert reason_of(hostile)  # a parser of superlinear complexity would not finish
