import threading
import time

import httpx
import pytest

from tests.fixtures.stand_ins import StandInsClient

TWEETS = "/twitterapi/twitter/tweets?tweet_ids=20"
KEY = {"X-API-Key": "stand-in"}


def test_a_status_fault_answers_in_the_vendors_own_form(stand_ins: StandInsClient) -> None:
    for vendor in ("twitterapi", "gemini", "clerk"):
        stand_ins.fault(vendor, "status", status=429)

    replies = [stand_ins.http.get(path) for path in (TWEETS, "/gemini/v1/models", "/clerk/v1/users")]

    assert [reply.status_code for reply in replies] == [429, 429, 429]
    assert replies[0].json()["error"] == "Too Many Requests"
    assert replies[1].json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert replies[2].json()["errors"][0]["code"] == "too_many_requests"


@pytest.mark.parametrize("body", [{"error": "ours"}, "plain words"])
def test_a_status_fault_takes_a_body_and_headers(stand_ins: StandInsClient, body: dict[str, str] | str) -> None:
    stand_ins.fault("twitterapi", "status", status=599, body=body, headers={"Retry-After": "7"})

    reply = stand_ins.http.get(TWEETS)

    assert reply.status_code == 599
    assert (reply.text if isinstance(body, str) else reply.json()) == body
    assert reply.headers["Retry-After"] == "7"


def test_a_fault_comes_before_authentication_and_is_recorded(stand_ins: StandInsClient) -> None:
    stand_ins.fault("clerk", "status", status=503)

    assert stand_ins.http.get("/clerk/v1/users").status_code == 503
    assert [call["status"] for call in stand_ins.calls("clerk")] == [503]


def test_a_fault_ends_after_its_times_and_the_next_one_takes_over(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "status", status=429, times=2)
    stand_ins.fault("twitterapi", "status", status=503, times=1)

    statuses = [stand_ins.http.get(TWEETS, headers=KEY).status_code for _ in range(4)]

    assert statuses == [429, 429, 503, 200]


def test_a_fault_meets_only_its_vendor_and_path(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "status", status=500, path="/oapi")

    assert stand_ins.http.get(TWEETS, headers=KEY).status_code == 200
    assert stand_ins.http.get("/clerk/.well-known/jwks.json").status_code == 200
    assert stand_ins.http.get("/twitterapi/oapi/my/info", headers=KEY).status_code == 500


def test_garbage_is_a_success_that_is_not_json(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "garbage")

    reply = stand_ins.http.get(TWEETS, headers=KEY)

    assert reply.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        reply.json()


def test_a_disconnect_closes_the_socket_without_an_answer(stand_ins: StandInsClient) -> None:
    stand_ins.fault("gemini", "disconnect", times=1)

    with pytest.raises(httpx.TransportError):
        stand_ins.http.post("/gemini/v1/models/gemini-3.8-flash:generateContent", json={"contents": "x" * 1_000_000})

    assert [call["status"] for call in stand_ins.calls("gemini")] == [None]
    assert stand_ins.http.get("/gemini/v1/models", headers={"x-goog-api-key": "any"}).status_code == 200


def test_a_timeout_outlasts_the_client(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "timeout")

    with pytest.raises(httpx.ReadTimeout):
        stand_ins.http.get(TWEETS, timeout=0.2)

    assert [call["status"] for call in stand_ins.calls("twitterapi")] == [None]


def test_a_reset_lets_go_of_a_held_call_at_once(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "timeout")
    stand_ins.fault("clerk", "slow", delay_s=60)
    ended: list[str] = []

    def call(path: str) -> None:
        try:
            httpx.get(stand_ins.base_url + path, timeout=20)
        except httpx.TransportError:
            ended.append("dropped")
        else:
            ended.append("answered")

    calls = [threading.Thread(target=call, args=(path,)) for path in (TWEETS, "/clerk/.well-known/jwks.json")]
    for each in calls:
        each.start()
    while not (stand_ins.calls("twitterapi") and stand_ins.calls("clerk")):
        time.sleep(0.01)
    stand_ins.reset()
    for each in calls:
        each.join(timeout=5)

    assert sorted(ended) == ["answered", "dropped"]


def test_slow_answers_normally_after_the_delay(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "slow", delay_s=0.3)
    started = time.monotonic()

    reply = stand_ins.http.get(TWEETS, headers=KEY)

    assert reply.json()["tweets"]
    assert time.monotonic() - started >= 0.3
