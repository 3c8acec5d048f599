import signal
import subprocess
import sys
import threading

import httpx
import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S, wait_until

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
def test_a_status_fault_accepts_a_body_and_headers(stand_ins: StandInsClient, body: dict[str, str] | str) -> None:
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


def test_a_fault_applies_only_to_its_vendor_and_path(stand_ins: StandInsClient) -> None:
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


def test_a_reset_releases_a_held_call_at_once(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "timeout")
    stand_ins.fault("clerk", "slow", delay_s=600)
    ended: list[str] = []

    def call(path: str) -> None:
        try:
            httpx.get(stand_ins.base_url + path, timeout=WAIT_S)
        except httpx.TransportError:
            ended.append("dropped")
        else:
            ended.append("answered")

    calls = [threading.Thread(target=call, args=(path,)) for path in (TWEETS, "/clerk/.well-known/jwks.json")]
    for each in calls:
        each.start()
    wait_until(lambda: stand_ins.calls("twitterapi") and stand_ins.calls("clerk"))
    stand_ins.reset()
    for each in calls:
        each.join(timeout=WAIT_S)

    assert sorted(ended) == ["answered", "dropped"]


def test_a_slow_fault_answers_normally_after_its_delay(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "slow", delay_s=600, times=1)
    stand_ins.fault("twitterapi", "slow", delay_s=0.1, times=1)

    with pytest.raises(httpx.ReadTimeout):
        stand_ins.http.get(TWEETS, headers=KEY, timeout=0.3)
    reply = stand_ins.http.get(TWEETS, headers=KEY)

    assert reply.json()["tweets"]


def test_a_fault_applies_only_to_calls_that_contain_its_text(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "status", status=500, about="1700000000000000001")
    stand_ins.fault("gemini", "status", status=500, about="a red kite")
    model = "/gemini/v1/models/gemini-3.8-flash:generateContent"
    questions = [{"contents": [{"parts": [{"text": text}]}]} for text in ("a black kite", "I saw a red kite.")]

    tweets = [stand_ins.http.get(f"{TWEETS}{more}", headers=KEY) for more in ("", ",1700000000000000001")]
    answers = [stand_ins.http.post(model, json=question, headers={"x-goog-api-key": "any"}) for question in questions]

    assert [reply.status_code for reply in tweets] == [200, 500]
    assert [reply.status_code for reply in answers] == [200, 500]
    assert "a black kite" in answers[0].text  # the gate has read the body, and the model still received all of it


def test_a_fault_applies_only_to_its_method_and_after_its_first_calls(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "status", status=500, method="POST")
    stand_ins.fault("twitterapi", "status", status=503, method="GET", after=2, times=1)

    statuses = [stand_ins.http.get(TWEETS, headers=KEY).status_code for _ in range(4)]

    assert statuses == [200, 200, 503, 200]
    assert [fault["status"] for fault in stand_ins.http.get("/__control/faults").json()] == [500]


def test_calls_record_which_watched_words_they_contain(stand_ins: StandInsClient) -> None:
    for word in ("20", "kites"):
        stand_ins.control("watched", {"word": word})

    stand_ins.http.get(TWEETS, headers=KEY)
    stand_ins.http.post("/gemini/v1/models/none", json={"contents": "20 kites"})
    stand_ins.http.get("/media/pbs.twimg.com/20/kites.png")

    assert [(call["path"], call["about"]) for call in stand_ins.all_calls()] == [
        ("/twitter/tweets", ["20"]),
        ("/v1/models/none", ["20", "kites"]),
        ("/pbs.twimg.com/20/kites.png", []),
    ]


CALLER = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
connection.request("GET", sys.argv[2], headers={"X-API-Key": "stand-in"})
connection.getresponse()
"""


def call_from_a_process(stand_ins: StandInsClient, path: str) -> int:
    host = stand_ins.base_url.removeprefix("http://")
    return subprocess.run([sys.executable, "-I", "-c", CALLER, host, path], check=False, timeout=WAIT_S).returncode


@pytest.mark.parametrize(("moment", "credits_left"), [("on_arrival", 1_000_000), ("before_answer", 999_985)])
def test_a_caller_is_killed_before_or_after_it_is_billed(
    stand_ins: StandInsClient, moment: str, credits_left: int
) -> None:
    stand_ins.fault("twitterapi", "kill", moment=moment, times=1)

    statuses = [call_from_a_process(stand_ins, TWEETS) for _ in range(2)]

    assert statuses == [-signal.SIGKILL, 0]
    assert [call["status"] for call in stand_ins.calls("twitterapi")] == [None, 200]
    left = stand_ins.http.get("/twitterapi/oapi/my/info", headers=KEY).json()["recharge_credits"]
    assert left == credits_left - 15


def test_a_process_that_was_not_started_with_the_stand_ins_is_not_killed(stand_ins: StandInsClient) -> None:
    stand_ins.fault("twitterapi", "kill")

    reply = httpx.get(stand_ins.base_url + TWEETS, headers=KEY)  # the connection ends with this call

    assert reply.status_code == 500
