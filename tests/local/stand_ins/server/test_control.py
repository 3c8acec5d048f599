import base64
import json
from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient

POST = {
    "platform": "x",
    "id": "123",
    "username": "invented",
    "text": "Hello.",
    "metrics": {"likes": 1, "comments": 2, "views": 3, "shares": 4},
    "posted_at": "2026-11-01T12:00:00Z",
    "media": [],
}


def refusal(stand_ins: StandInsClient, name: str, order: Any) -> dict[str, Any]:
    reply = stand_ins.http.post(f"/__control/{name}", json=order)
    assert reply.status_code == 422, reply.text
    body: dict[str, Any] = reply.json()
    return body


def test_calls_are_listed_with_method_path_status_and_time(stand_ins: StandInsClient) -> None:
    stand_ins.http.get("/twitterapi/twitter/tweets?tweet_ids=20", headers={"X-API-Key": "secret"})
    stand_ins.http.get("/clerk/v1/users")

    reply = stand_ins.http.get("/__control/calls", params={"vendor": "twitterapi"}).json()

    assert reply["count"] == 1
    assert reply["calls"][0] | {"at": ""} == {
        "method": "GET",
        "path": "/twitter/tweets",
        "status": 200,
        "parts": None,
        "about": [],
        "at": "",
    }
    assert [call["status"] for call in stand_ins.calls("clerk")] == [401]


def test_calls_never_hold_keys_queries_or_bodies(stand_ins: StandInsClient) -> None:
    stand_ins.http.post("/gemini/v1/models/gemini-3.8-flash:generateContent?key=hush", json={"contents": "hush"})

    assert "hush" not in stand_ins.http.get("/__control/calls").text


def test_calls_of_an_unknown_vendor_are_refused(stand_ins: StandInsClient) -> None:
    assert stand_ins.http.get("/__control/calls", params={"vendor": "nobody"}).status_code == 422


def test_a_reset_removes_calls_faults_and_posts_but_keeps_users_and_keys(stand_ins: StandInsClient) -> None:
    user = stand_ins.token()
    keys = stand_ins.http.get("/clerk/.well-known/jwks.json").json()
    stand_ins.add_post(id="123")
    stand_ins.delete_post("20")
    stand_ins.fault("clerk", "status", status=500)

    stand_ins.reset()

    assert stand_ins.calls("clerk") == []
    assert stand_ins.http.get("/clerk/.well-known/jwks.json").json() == keys
    headers = {"Authorization": "Bearer sk_test_stand_in", "X-API-Key": "any"}
    assert stand_ins.http.get(f"/clerk/v1/users/{user['user_id']}", headers=headers).status_code == 200
    tweets = stand_ins.http.get("/twitterapi/twitter/tweets?tweet_ids=123,20", headers=headers).json()["tweets"]
    assert [tweet["id"] for tweet in tweets] == ["20"]


def test_an_unknown_post_cannot_be_deleted(stand_ins: StandInsClient) -> None:
    assert stand_ins.http.post("/__control/posts/delete", json={"platform": "x", "id": "404"}).status_code == 404


@pytest.mark.parametrize("platform_and_id", [("instagram", "DIWPWGpsUQX"), ("youtube", "jNQXAC9IVRw")])
def test_posts_of_the_other_platforms_are_accepted(stand_ins: StandInsClient, platform_and_id: tuple[str, str]) -> None:
    platform, post_id = platform_and_id
    order = POST | {"platform": platform, "id": post_id, "comments": [{"text": "nice"}], "captions": {"en": "hello"}}

    assert stand_ins.control("posts", order) == {"platform": platform, "id": post_id}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"platform": "myspace"}, "platform"),
        ({"id": "0123"}, ""),
        ({"id": "9223372036854775808"}, ""),
        ({"platform": "youtube", "id": "short"}, ""),
        ({"username": "two words"}, ""),
        ({"metrics": {"likes": -1}}, "metrics.likes"),
        ({"metrics": {"likes": "many"}}, "metrics.likes"),
        ({"metrics": {"hearts": 1}}, "metrics.hearts"),
        ({"metrics": None}, "metrics"),
        ({"posted_at": "yesterday"}, "posted_at"),
        ({"media": [{"kind": "image", "filename": "a.png", "file_base64": "!"}]}, "media.0.file_base64"),
        ({"media": [{"kind": "image", "filename": "../a.png", "file_base64": "AAAA"}]}, "media.0.filename"),
        ({"media": [{"kind": "hologram", "filename": "a.png", "file_base64": "AAAA"}]}, "media.0.kind"),
        ({"text": "x" * 100_001}, "text"),
    ],
)
def test_a_bad_post_is_refused_with_the_field_and_the_reason(
    stand_ins: StandInsClient, change: dict[str, Any], field: str
) -> None:
    details = refusal(stand_ins, "posts", POST | change)["details"]

    assert details[0]["field"] == field
    assert details[0]["reason"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"vendor": "nobody", "mode": "timeout"},
        {"vendor": "gemini", "mode": "explode"},
        {"vendor": "gemini", "mode": "status"},
        {"vendor": "gemini", "mode": "status", "status": 99},
        {"vendor": "gemini", "mode": "timeout", "status": 500},
        {"vendor": "gemini", "mode": "slow", "body": "x"},
        {"vendor": "gemini", "mode": "slow", "delay_s": -1},
        {"vendor": "gemini", "mode": "slow", "moment": "on_arrival"},
        {"vendor": "gemini", "mode": "kill", "moment": "afterwards"},
        {"vendor": "gemini", "mode": "garbage", "body": {"is": "JSON"}},
        {"vendor": "gemini", "mode": "disconnect", "times": 0},
        {"vendor": "gemini", "mode": "disconnect", "surprise": 1},
        {"vendor": "gemini", "mode": "status", "status": 500, "headers": {"a\r\nb": "c"}},
        {"vendor": "gemini", "mode": "status", "status": 500, "headers": {"a": "c\r\nd: e"}},
    ],
)
def test_a_bad_fault_is_refused(stand_ins: StandInsClient, order: dict[str, Any]) -> None:
    assert refusal(stand_ins, "faults", order)["details"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"email": "nobody"},
        {"email": "a@b.co", "surprise": 1},
        {"email": "a@b.co", "expires_in_seconds": "soon"},
        {"email": "a@b.co", "session_id": "not an id"},
        {"email": "a@b.co", "key": "mine"},
        {"email": "a@b.co", "algorithm": "ES256"},
        {"email": "a@b.co", "overrides": {"iss": 5}},
    ],
)
def test_a_bad_token_order_is_refused(stand_ins: StandInsClient, order: dict[str, Any]) -> None:
    assert refusal(stand_ins, "tokens", order)["error"]


def test_a_body_that_is_not_json_is_refused(stand_ins: StandInsClient) -> None:
    headers = {"Content-Type": "application/json"}

    for content in (
        b"{",
        b"[]",
        b'{"vendor": "gemini", "mode": "slow", "delay_s": NaN}',
        b"\xff",
        b'{"vendor": "\\ud800"}',
    ):
        reply = stand_ins.http.post("/__control/faults", content=content, headers=headers)
        assert reply.status_code in {400, 422}
        assert reply.json()


def test_a_refusal_does_not_repeat_the_input(stand_ins: StandInsClient) -> None:
    file = {"kind": "image", "filename": "a.png", "file_base64": base64.b64encode(b"picture").decode() + "*"}

    assert file["file_base64"] not in stand_ins.http.post("/__control/posts", json=POST | {"media": [file]}).text


@pytest.mark.parametrize("name", ["text", "note", "raw", "comments"])
def test_half_a_surrogate_pair_is_refused_everywhere(stand_ins: StandInsClient, name: str) -> None:
    half = {"text": "\ud800", "note": "\ud800", "raw": {"lang": "\ud800"}, "comments": [{"\ud800": 1}]}[name]
    content = json.dumps(POST | {name: half}).encode()

    reply = stand_ins.http.post("/__control/posts", content=content, headers={"Content-Type": "application/json"})

    assert reply.status_code in {400, 422}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80", "Origin": "http://evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_cannot_use_the_control_api(stand_ins: StandInsClient, headers: dict[str, str]) -> None:
    replies = [
        stand_ins.http.post("/__control/tokens", json={"email": "ann@example.com"}, headers=headers),
        stand_ins.http.get("/__control/calls", headers=headers),
        stand_ins.http.post("/__control/media", json={}, headers=headers),
    ]

    assert [reply.status_code for reply in replies] == [403] * 3
    assert not any("token" in reply.text for reply in replies)


def test_a_page_of_this_server_and_a_typed_address_are_answered(stand_ins: StandInsClient) -> None:
    port = stand_ins.base_url.rpartition(":")[2]
    own = [
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ]

    assert [stand_ins.http.get("/__control/calls", headers=headers).status_code for headers in own] == [200] * 3
