import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.stand_ins.brightdata.instagram_records import files_of, media_id
from local.stand_ins.brightdata.jobs import Job, Settings
from local.stand_ins.scenario.posts import Platform, PostShelf
from tests.fixtures.stand_ins import StandInsClient
from whyviral.social.post_urls import parse_post_url

POSTS, REELS = "gd_lk5ns7kz21pck8jpis", "gd_lyclm20il4r5helnj"
BASE = "/brightdata/datasets/v3"
PHOTO, CAROUSEL, REEL = "Hinvent0001", "Hinvent0002", "Hinvent0003"


def call(stand_ins: StandInsClient, method: str, path: str, **options: Any) -> httpx.Response:
    return stand_ins.http.request(method, BASE + path, headers={"Authorization": "Bearer any"}, **options)


def url_of(post_id: str) -> dict[str, str]:
    return {"url": f"https://www.instagram.com/p/{post_id}/"}


def trigger(stand_ins: StandInsClient, *inputs: Any, dataset_id: str = POSTS, **query: str) -> str:
    query = {"dataset_id": dataset_id, "include_errors": "true", "format": "json"} | query
    reply = call(stand_ins, "POST", "/trigger", params=query, json=list(inputs))
    assert reply.status_code == 200, reply.text
    snapshot_id: str = reply.json()["snapshot_id"]
    return snapshot_id


def rows(stand_ins: StandInsClient, *post_ids: str, **options: str) -> list[dict[str, Any]]:
    """Run a job without a delay and return its records."""
    stand_ins.control("brightdata", {"delay_s": 0})
    snapshot_id = trigger(stand_ins, *map(url_of, post_ids), **options)
    call(stand_ins, "GET", f"/snapshot/{snapshot_id}")  # the first snapshot is refused
    reply = call(stand_ins, "GET", f"/snapshot/{snapshot_id}")
    delivered: list[dict[str, Any]] = reply.raise_for_status().json()
    return delivered


@pytest.mark.parametrize(
    ("age_s", "fails_with", "status"),
    [
        (0, None, "starting"),
        (19, None, "starting"),
        (21, None, "running"),
        (59, None, "running"),
        (60, None, "ready"),
        (59, "Internal Server Error", "running"),
        (60, "Internal Server Error", "failed"),
    ],
)
def test_a_job_goes_from_starting_through_running_to_its_end(age_s: float, fails_with: str | None, status: str) -> None:
    settings = Settings(delay_s=60, fails_with=fails_with)

    job = Job(POSTS, [], includes_errors=True, settings=settings, started_mono_s=time.monotonic() - age_s)

    assert job.status == status


def test_a_running_job_reports_its_running_time_and_has_no_snapshot(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 600})
    snapshot_id = trigger(stand_ins, url_of(PHOTO))

    first, second = (call(stand_ins, "GET", f"/progress/{snapshot_id}").json() for _ in range(2))
    early = call(stand_ins, "GET", f"/snapshot/{snapshot_id}")

    assert snapshot_id.startswith("sd_")
    assert first["status"] == second["status"] == "starting"
    assert 0 <= first["running_time"] <= second["running_time"]
    assert (early.status_code, early.json()["status"]) == (202, "starting")
    assert "not ready yet" in early.json()["message"]


def test_the_first_snapshot_of_a_ready_job_is_refused(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 0})
    snapshot_id = trigger(stand_ins, url_of(PHOTO))

    progress = call(stand_ins, "GET", f"/progress/{snapshot_id}").json()
    codes = [call(stand_ins, "GET", f"/snapshot/{snapshot_id}").status_code for _ in range(3)]

    assert (progress["status"], progress["records"], progress["errors"]) == ("ready", 1, 0)
    assert codes == [202, 200, 200]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "Credentials are missing"),
        ({"Authorization": "Token x"}, "Auth method is not supported"),
        ({"Authorization": "Bearer"}, "Auth method is not supported"),
        ({"Authorization": "Bearer bad-key"}, "Invalid credentials"),
        ({"Authorization": "Basic eDp5"}, "Basic auth is not allowed"),
    ],
)
def test_a_caller_without_a_valid_key_is_refused_in_plain_text(
    stand_ins: StandInsClient, headers: dict[str, str], text: str
) -> None:
    reply = stand_ins.http.get(f"{BASE}/progress/sd_1", headers=headers)

    assert (reply.status_code, reply.text) == (401, text)
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("query", "content", "status", "words"),
    [
        ({}, b"[]", 404, "Collector not found"),
        ({"dataset_id": "gd_other"}, b"[]", 404, "dataset does not exist"),
        ({"dataset_id": POSTS}, b"[]", 400, "No data to trigger"),
        ({"dataset_id": POSTS}, b"[{", 400, "parse_error"),
        ({"dataset_id": POSTS}, b"[{}]", 400, '"errors":[["url","Required field"]]'),
        ({"dataset_id": POSTS}, b'[{"url": 5}]', 400, '"errors":[["url","Invalid type"]]'),
        ({"dataset_id": POSTS}, b'[{"url": "x", "key": 1}]', 400, '"errors":[["key","Unknown field"]]'),
        ({"dataset_id": POSTS, "type": "all"}, b"[]", 400, "validation_errors"),
    ],
)
def test_a_bad_trigger_is_refused(
    stand_ins: StandInsClient, query: dict[str, str], content: bytes, status: int, words: str
) -> None:
    reply = call(stand_ins, "POST", "/trigger", params=query, content=content)

    assert (reply.status_code, words in reply.text) == (status, True)


@pytest.mark.parametrize("body", [[url_of(PHOTO)], {"input": [url_of(PHOTO)]}, url_of(PHOTO)])
def test_a_trigger_accepts_every_form_of_input(stand_ins: StandInsClient, body: Any) -> None:
    assert call(stand_ins, "POST", "/trigger", params={"dataset_id": POSTS}, json=body).status_code == 200


@pytest.mark.parametrize("path", ["/progress/sd_x", "/snapshot/sd_x"])
def test_an_unknown_job_does_not_exist(stand_ins: StandInsClient, path: str) -> None:
    reply = call(stand_ins, "GET", path)

    assert (reply.status_code, reply.text) == (404, "Snapshot does not exist")


def test_failed_inputs_are_returned_only_on_request(stand_ins: StandInsClient) -> None:
    stand_ins.add_instagram_post("Hprivate", raw={"error_code": "dead_page", "error": "This account is private"})
    requested = (PHOTO, "Hmissing", "Hprivate")

    with_errors = rows(stand_ins, *requested)
    without_errors = rows(stand_ins, *requested, include_errors="false")

    failed = {row["input"]["url"][-9:]: (row["error_code"], row["error"]) for row in with_errors if "error" in row}
    assert failed == {
        "Hmissing/": ("dead_page", "4XX page - dead page."),
        "Hprivate/": ("dead_page", "This account is private"),
    }
    assert all(row.keys() == {"timestamp", "input", "error", "error_code"} for row in with_errors if "error" in row)
    assert [row["shortcode"] for row in without_errors] == [PHOTO]


def test_a_url_that_is_not_a_posts_is_bad_input(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 0})
    snapshot_id = trigger(stand_ins, {"url": "https://www.instagram.com/somebody/"})
    call(stand_ins, "GET", f"/snapshot/{snapshot_id}")

    (row,) = call(stand_ins, "GET", f"/snapshot/{snapshot_id}").json()

    assert (row["error_code"], row["error"]) == ("bad_input", "It is not a post URL")


def test_records_have_no_fixed_order(stand_ins: StandInsClient) -> None:
    requested = (PHOTO, CAROUSEL, REEL, "Hinvent0004")

    orders = {tuple(row["shortcode"] for row in rows(stand_ins, *requested)) for _ in range(20)}

    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(requested)}


def test_the_posts_dataset_covers_every_kind_of_post(stand_ins: StandInsClient) -> None:
    records = {row["shortcode"]: row for row in rows(stand_ins, PHOTO, CAROUSEL, REEL)}

    assert [records[each]["content_type"] for each in (PHOTO, CAROUSEL, REEL)] == ["Image", "Carousel", "Reel"]
    assert [item["type"] for item in records[CAROUSEL]["post_content"]] == ["Photo", "Video", "Photo"]
    assert [len(records[each]["photos"] or ()) for each in (PHOTO, CAROUSEL, REEL)] == [1, 2, 0]
    assert records[REEL]["video_view_count"] == "1210000"
    assert records[REEL]["post_id"] == str(media_id(REEL))
    assert all(record["_stand_in"]["is_stand_in"] for record in records.values())


def test_the_reels_dataset_covers_only_reels_in_its_own_form(stand_ins: StandInsClient) -> None:
    records = {row["input"]["url"][-12:-1]: row for row in rows(stand_ins, REEL, PHOTO, dataset_id=REELS)}

    reel = records[REEL]
    assert (reel["url"], reel["product_type"]) == (f"https://www.instagram.com/p/{REEL}/", "clips")
    assert float(reel["length"]) > 1
    assert reel["post_id"].startswith(f"{media_id(REEL)}_")
    assert records[PHOTO]["error_code"] == "crawl_error"


def test_comments_have_the_form_of_each_dataset(stand_ins: StandInsClient) -> None:
    comment = {"text": "Hi.", "author": "a.b", "likes": 7, "posted_at": "2026-10-03T17:00:00Z"}
    stand_ins.add_instagram_post("Hspoken", ("video", b"video"), comments=[comment])

    (post,) = rows(stand_ins, "Hspoken")
    (reel,) = rows(stand_ins, "Hspoken", dataset_id=REELS)

    comment, likes = post["latest_comments"][0], reel["top_comments"][0]
    assert (comment["comments"], comment["likes"], comment["date_of_comment"]) == ("Hi.", 7, "2026-10-03")
    assert (likes["comment"], likes["likes"], likes["date_of_comment"]) == ("Hi.", "7", "2026-10-03T17:00:00Z")


def test_raw_overrides_the_fields_of_a_record(stand_ins: StandInsClient) -> None:
    stand_ins.add_instagram_post("Hraw", ("image", b"picture"), raw={"likes": "3", "audio": None})

    (record,) = rows(stand_ins, "Hraw")

    assert (record["likes"], record["audio"]) == ("3", None)


def test_links_to_media_expire_at_their_stated_time(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 0, "links_live_s": -60})
    snapshot_id = trigger(stand_ins, url_of(PHOTO))
    call(stand_ins, "GET", f"/snapshot/{snapshot_id}")

    (record,) = call(stand_ins, "GET", f"/snapshot/{snapshot_id}").json()

    link = httpx.URL(record["photos"][0])
    assert (link.scheme, link.host) == ("https", "scontent.cdninstagram.com")
    assert int(link.params["oe"], 16) == pytest.approx(datetime.now(UTC).timestamp() - 60, abs=30)


def test_every_link_leads_to_a_file_of_the_post(stand_ins: StandInsClient) -> None:
    records = rows(stand_ins, PHOTO, CAROUSEL, REEL)

    for record in records:
        post = PostShelf().find(Platform.INSTAGRAM, record["shortcode"])
        assert post is not None
        files = dict(files_of(post))
        links = [*(record["photos"] or ()), *(record["videos"] or ()), record["thumbnail"]]
        assert {httpx.URL(link).path for link in links} == files.keys()


@pytest.mark.parametrize("message", ["No data found in discovery", "Failed to trigger collector"])
def test_a_job_fails_with_the_ordered_message(stand_ins: StandInsClient, message: str) -> None:
    stand_ins.control("brightdata", {"delay_s": 0, "fails_with": message})
    snapshot_id = trigger(stand_ins, url_of(PHOTO))

    progress = call(stand_ins, "GET", f"/progress/{snapshot_id}").json()
    snapshot = call(stand_ins, "GET", f"/snapshot/{snapshot_id}")

    assert (progress["status"], progress["error_message"]) == ("failed", message)
    assert (snapshot.status_code, snapshot.text) == (400, "Snapshot is empty")


def test_a_running_job_is_canceled_and_a_ready_one_is_not(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 60})
    running = trigger(stand_ins, url_of(PHOTO))
    stand_ins.control("brightdata", {"delay_s": 0})
    ready = trigger(stand_ins, url_of(PHOTO))

    replies = [call(stand_ins, "POST", f"/snapshot/{each}/cancel") for each in (running, ready)]

    assert [(reply.status_code, reply.text) for reply in replies] == [(200, "OK"), (400, "Snapshot is not running")]
    assert call(stand_ins, "GET", f"/progress/{running}").json()["status"] == "canceled"


def test_scrape_returns_the_records_or_the_id_of_a_slow_job(stand_ins: StandInsClient) -> None:
    query = {"dataset_id": POSTS, "format": "json"}
    stand_ins.control("brightdata", {"delay_s": 0})
    at_once = call(stand_ins, "POST", "/scrape", params=query, json=[url_of(PHOTO)])
    stand_ins.control("brightdata", {"delay_s": 60, "hold_s": 0.05})
    later = call(stand_ins, "POST", "/scrape", params=query, json=[url_of(PHOTO)])

    assert [row["shortcode"] for row in at_once.json()] == [PHOTO]
    assert (later.status_code, later.headers["retry-after"]) == (202, "30")
    assert call(stand_ins, "GET", f"/progress/{later.json()['snapshot_id']}").json()["status"] == "starting"


def test_a_reset_deletes_jobs_and_settings(stand_ins: StandInsClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 0, "fails_with": "Internal Server Error"})
    snapshot_id = trigger(stand_ins, url_of(PHOTO))

    stand_ins.reset()

    assert call(stand_ins, "GET", f"/progress/{snapshot_id}").status_code == 404
    again = trigger(stand_ins, url_of(PHOTO))
    assert call(stand_ins, "GET", f"/progress/{again}").json()["status"] in {"starting", "running", "ready"}


@pytest.mark.parametrize("order", [{"delay_s": -1}, {"delay_s": "soon"}, {"surprise": 1}, {"hold_s": 100}])
def test_bad_settings_are_refused(stand_ins: StandInsClient, order: dict[str, Any]) -> None:
    assert stand_ins.http.post("/__control/brightdata", json=order).status_code == 422


@pytest.mark.parametrize(
    ("shortcode", "number"), [("DIWPWGpsUQX", 3609139641052120087), ("DDb5uxNyWa9", 3520661436311889597)]
)
def test_a_shortcode_is_a_number_in_base_64(shortcode: str, number: int) -> None:
    assert media_id(shortcode) == number
    assert parse_post_url(f"https://www.instagram.com/p/{shortcode}/").post_id == shortcode
