"""The client for Bright Data against its stand-in: jobs, and each way in which a job fails."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import SnapshotFailed, SnapshotLost, TriggerLost, category_of_row
from whyviral.integrations.brightdata.scraper_api import BrightDataClient, Dataset, Snapshot, Working
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
KEY = "stand-in"
POST = {"url": "https://www.instagram.com/p/DTq8Yc2kR1A/"}
MISSING = {"url": "https://www.instagram.com/p/C9zzInVeNtd/"}
READY = {"status": "ready", "records": 1}
PROGRESS, SNAPSHOT, TRIGGER = "/datasets/v3/progress", "/datasets/v3/snapshot", "/datasets/v3/trigger"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def client(local_endpoints: Endpoints, calls: CallCollector) -> BrightDataClient:
    return BrightDataClient(KEY, calls=calls, clock=lambda: NOW, timeout_s=WAIT_S, prices=PRICES)


@pytest.fixture
def job(stand_ins: StandInsClient, client: BrightDataClient, calls: CallCollector) -> str:
    """A job for one existing and one missing post, which is ready at once."""
    stand_ins.control("brightdata", {"delay_s": 0})
    stand_ins.add_instagram_post("DTq8Yc2kR1A", ("image", b"picture"))
    snapshot_id = client.trigger(Dataset.INSTAGRAM_POSTS, [POST, MISSING])
    calls.drain()
    return snapshot_id


def _refusal(client: BrightDataClient, snapshot_id: str | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as failure:
        client.trigger(Dataset.INSTAGRAM_POSTS, [POST]) if snapshot_id is None else client.read(snapshot_id)
    assert KEY not in f"{failure.value!s}{failure.value!r}"
    assert failure.value.provider == "brightdata"
    return failure.value


def test_a_job_is_started_polled_and_downloaded(
    stand_ins: StandInsClient, client: BrightDataClient, calls: CallCollector
) -> None:
    stand_ins.control("brightdata", {"delay_s": 0.3})
    stand_ins.add_instagram_post("DTq8Yc2kR1A", ("image", b"picture"))

    snapshot_id = client.trigger(Dataset.INSTAGRAM_POSTS, [POST, MISSING])
    found = [client.read(snapshot_id)]
    while isinstance(found[-1], Working):
        found.append(client.read(snapshot_id))

    *waits, snapshot = found
    assert snapshot_id.startswith("sd_")
    assert (set(waits[:-1]), waits[-1]) == ({Working(5.0)}, Working(2.0))  # the last wait is for the records only
    assert isinstance(snapshot, Snapshot)
    assert {category_of_row(row) for row in snapshot.records} == {None, ErrorCategory.NOT_FOUND}
    made = calls.drain()
    assert {call.operation for call in made[1:]} == {"GET /datasets/v3/progress/{id}", "GET /datasets/v3/snapshot/{id}"}
    assert (made[0].operation, made[0].status, made[0].cost_usd) == ("POST /datasets/v3/trigger", 200, None)
    assert [call.job_id for call in made] == [snapshot_id, *[None] * (len(made) - 2), snapshot_id]
    assert [call.status for call in made if "snapshot" in call.operation] == [202, 200]
    assert all(call.is_stand_in and call.started_at == NOW and call.error_category is None for call in made)


def test_only_delivered_records_are_billed(client: BrightDataClient, calls: CallCollector, job: str) -> None:
    client.read(job)
    client.read(job)

    assert [call.cost_usd for call in calls.drain()] == [0, 0, 0, Decimal("0.0015")]


@pytest.mark.parametrize(
    ("running_ms", "wait_s"), [(None, 5), (0, 5), (4_999, 5), (5_000, 10), (25_000, 15), (40_000, 20), (60_000, 30)]
)
def test_the_poll_delay_grows_with_the_running_time(
    stand_ins: StandInsClient, client: BrightDataClient, running_ms: int | None, wait_s: float
) -> None:
    stand_ins.fault("brightdata", "status", status=200, body={"status": "running", "running_time": running_ms})

    assert client.read("sd_1") == Working(wait_s)


@pytest.mark.parametrize("status", ["starting", "running", "collecting", "digesting", "building", "new in 2027"])
def test_a_job_with_any_unfinished_status_is_running(
    stand_ins: StandInsClient, client: BrightDataClient, status: str
) -> None:
    stand_ins.fault("brightdata", "status", status=200, body={"status": status})

    assert isinstance(client.read("sd_1"), Working)


@pytest.mark.parametrize("running_ms", [3_600_001, 10**400])
def test_a_job_that_runs_for_over_an_hour_is_lost(
    stand_ins: StandInsClient, client: BrightDataClient, running_ms: int
) -> None:
    stand_ins.fault("brightdata", "status", status=200, body={"status": "running", "running_time": running_ms})

    assert isinstance(_refusal(client, "sd_1"), SnapshotLost)


VALIDATION = {"error": "Invalid input provided", "code": "validation_error", "errors": [["url", "Required field"]]}


@pytest.mark.parametrize(
    ("status", "body", "category", "is_transient"),
    [
        (401, "Credentials are missing", ErrorCategory.AUTH, False),
        (401, "Auth method is not supported", ErrorCategory.AUTH, False),
        (401, "Invalid credentials", ErrorCategory.AUTH, False),
        (402, "Payment required", ErrorCategory.AUTH, False),
        (403, {}, ErrorCategory.AUTH, False),
        (400, "Account is suspended", ErrorCategory.AUTH, False),
        (400, "Customer is not active", ErrorCategory.AUTH, False),
        (403, "Account is new, please activate it to continue", ErrorCategory.AUTH, False),
        (400, VALIDATION, ErrorCategory.INVALID_URL, False),
        (400, VALIDATION | {"errors": [["num_of_posts", "Bad"]]}, ErrorCategory.PROVIDER_ERROR, False),
        (400, {"code": "parse_error", "error": "x"}, ErrorCategory.PROVIDER_ERROR, False),
        (400, "No data to trigger", ErrorCategory.PROVIDER_ERROR, False),
        (400, {"validation_errors": ['"type" must be one of …']}, ErrorCategory.PROVIDER_ERROR, False),
        (400, "This dataset is not allowed for API", ErrorCategory.UNSUPPORTED, False),
        (400, "This dataset does not support collection", ErrorCategory.UNSUPPORTED, False),
        (404, "dataset does not exist", ErrorCategory.UNSUPPORTED, False),
        (404, "Collector not found", ErrorCategory.UNSUPPORTED, False),
        (400, "This dataset is not ready yet", ErrorCategory.PROVIDER_ERROR, True),
        (429, "You have too many running jobs for this dataset", ErrorCategory.RATE_LIMIT, True),
        (404, "Not Found", ErrorCategory.PROVIDER_ERROR, False),
        (302, "", ErrorCategory.PROVIDER_ERROR, False),
        (500, "Internal Server Error", ErrorCategory.PROVIDER_ERROR, True),
        (503, "<html>", ErrorCategory.PROVIDER_ERROR, True),
    ],
)
def test_each_refused_trigger_has_a_category_and_is_free(
    stand_ins: StandInsClient,
    client: BrightDataClient,
    calls: CallCollector,
    status: int,
    body: Any,
    category: ErrorCategory,
    is_transient: bool,
) -> None:
    stand_ins.fault("brightdata", "status", status=status, body=body, path=TRIGGER)

    error = _refusal(client)

    assert (error.category, error.is_transient, error.status) == (category, is_transient, status)
    (call,) = calls.drain()
    assert (call.status, call.error_category, call.cost_usd) == (status, category, Decimal(0))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({}, None), ({"Retry-After": "12"}, 12.0), ({"Retry-After": "Mon, 23 Nov 2026 12:00:09 GMT"}, 9.0)],
)
def test_a_rate_limited_call_reports_its_wait_and_is_not_retried(
    stand_ins: StandInsClient, client: BrightDataClient, headers: dict[str, str], wait_s: float | None
) -> None:
    stand_ins.fault("brightdata", "status", status=429, headers=headers)

    assert _refusal(client, "sd_1").retry_after_s == wait_s
    assert len(stand_ins.calls("brightdata")) == 1


def test_a_job_that_the_vendor_does_not_know_is_lost(client: BrightDataClient) -> None:
    error = _refusal(client, "sd_unknown")

    assert isinstance(error, SnapshotLost)
    assert (error.category, error.status) == (ErrorCategory.PROVIDER_ERROR, 404)


def test_a_snapshot_that_has_expired_is_lost(stand_ins: StandInsClient, client: BrightDataClient, job: str) -> None:
    stand_ins.fault("brightdata", "status", status=400, body="Snapshot is expired", path=SNAPSHOT)

    assert isinstance(_refusal(client, job), SnapshotLost)


@pytest.mark.parametrize(("status", "body"), [(400, "Snapshot is empty"), (200, [])])
def test_an_empty_snapshot_means_that_the_post_was_not_found(
    stand_ins: StandInsClient, client: BrightDataClient, job: str, status: int, body: Any
) -> None:
    stand_ins.fault("brightdata", "status", status=status, body=body, path=SNAPSHOT)

    error = _refusal(client, job)

    assert isinstance(error, SnapshotFailed)
    assert error.category is ErrorCategory.NOT_FOUND


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("No data found in discovery", ErrorCategory.NOT_FOUND),
        ("Snapshot is empty", ErrorCategory.NOT_FOUND),
        ("Input validation failed: url", ErrorCategory.INVALID_URL),
        ("Account is suspended", ErrorCategory.AUTH),
        ("Failed to trigger collector", ErrorCategory.PROVIDER_ERROR),
        ("Failed to download response", ErrorCategory.PROVIDER_ERROR),
        ("Something went wrong while preparing snapshot", ErrorCategory.PROVIDER_ERROR),
        ("Internal Server Error", ErrorCategory.PROVIDER_ERROR),
        ("Failed to deliver snapshot", ErrorCategory.PROVIDER_ERROR),
    ],
)
def test_a_failed_job_has_the_category_of_its_error_message(
    stand_ins: StandInsClient, client: BrightDataClient, message: str, category: ErrorCategory
) -> None:
    stand_ins.control("brightdata", {"delay_s": 0, "fails_with": message})
    snapshot_id = client.trigger(Dataset.INSTAGRAM_POSTS, [POST])

    error = _refusal(client, snapshot_id)

    assert isinstance(error, SnapshotFailed)
    assert error.category is category


def test_a_canceled_job_has_failed(stand_ins: StandInsClient, client: BrightDataClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 60})
    snapshot_id = client.trigger(Dataset.INSTAGRAM_POSTS, [POST])
    path = f"/brightdata/datasets/v3/snapshot/{snapshot_id}/cancel"
    assert stand_ins.http.post(path, headers={"Authorization": f"Bearer {KEY}"}).text == "OK"

    error = _refusal(client, snapshot_id)

    assert isinstance(error, SnapshotFailed)
    assert error.category is ErrorCategory.PROVIDER_ERROR


@pytest.mark.parametrize(
    ("row", "category"),
    [
        ({"error": "4XX page - dead page.", "error_code": "dead_page"}, ErrorCategory.NOT_FOUND),
        ({"error": "Sorry, this page isn't available.", "error_code": "dead_page"}, ErrorCategory.NOT_FOUND),
        ({"error": "This account is Private", "error_code": "dead_page"}, ErrorCategory.PRIVATE),
        ({"error": "bad", "error_code": "bad_input"}, ErrorCategory.INVALID_URL),
        ({"error": "It is not a post URL", "error_code": "crawl_error"}, ErrorCategory.INVALID_URL),
        ({"error": "It is not a post URL"}, ErrorCategory.INVALID_URL),
        ({"error": "blocked", "error_code": "blocked"}, ErrorCategory.PROVIDER_ERROR),
        ({"error": "private proxy refused", "error_code": "proxy_error"}, ErrorCategory.PROVIDER_ERROR),
        ({"error": "Crawler error: …", "error_code": "crawl_error"}, ErrorCategory.PROVIDER_ERROR),
        ({"error": "…", "error_code": "parse_error"}, ErrorCategory.PROVIDER_ERROR),
        ({"error": "…", "error_code": "aborted_page"}, ErrorCategory.PROVIDER_ERROR),
        ({"error": "…", "error_code": "wait_element_timeout"}, ErrorCategory.TIMEOUT),
        ({"error": "…", "error_code": "click_timeout"}, ErrorCategory.TIMEOUT),
        ({"error": None, "error_code": "new_in_2027"}, ErrorCategory.PROVIDER_ERROR),
        ({"error_code": ["dead_page"]}, ErrorCategory.PROVIDER_ERROR),
        ({"error": None, "error_code": None, "url": "https://www.instagram.com/p/a/"}, None),
        ({"warning": "slow", "warning_code": "slow", "url": "https://www.instagram.com/p/a/"}, None),
    ],
)
def test_a_row_of_a_failed_input_has_the_category_of_its_code(
    row: dict[str, Any], category: ErrorCategory | None
) -> None:
    assert category_of_row(row) is category


@pytest.mark.parametrize("body", ["<html>", "", "null", "[]", "{}", '{"status": 5}', "[" * 99_999])
def test_invalid_progress_is_a_transient_provider_error(
    stand_ins: StandInsClient, client: BrightDataClient, body: str
) -> None:
    stand_ins.fault("brightdata", "status", status=200, body=body, path=PROGRESS)

    error = _refusal(client, "sd_1")

    assert (error.category, error.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)


@pytest.mark.parametrize("body", ["<html>", "", "null", "{}", '{"records": []}', '[{"url"'])
def test_an_invalid_snapshot_is_a_transient_provider_error_and_free(
    stand_ins: StandInsClient, client: BrightDataClient, calls: CallCollector, job: str, body: str
) -> None:
    stand_ins.fault("brightdata", "status", status=200, body=body, path=SNAPSHOT)

    error = _refusal(client, job)

    assert (error.category, error.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert [call.cost_usd for call in calls.drain()] == [0, 0]


@pytest.mark.parametrize("body", ['{"snapshot_id": "../../other"}', '{"snapshot_id": 5}', "[]", "<html>"])
def test_an_invalid_job_id_is_never_used(stand_ins: StandInsClient, client: BrightDataClient, body: str) -> None:
    stand_ins.fault("brightdata", "status", status=200, body=body, path=TRIGGER)

    error = _refusal(client)

    assert isinstance(error, TriggerLost)
    assert (error.category, error.is_transient, error.status) == (ErrorCategory.PROVIDER_ERROR, False, 200)


def test_a_read_is_retried_once_after_a_dropped_connection(
    stand_ins: StandInsClient, client: BrightDataClient, calls: CallCollector
) -> None:
    stand_ins.fault("brightdata", "disconnect", times=1)

    assert isinstance(_refusal(client, "sd_unknown"), SnapshotLost)
    assert [call.status for call in calls.drain()] == [None, 404]


@pytest.mark.parametrize(
    ("fault", "timeout_s", "category"),
    [("disconnect", WAIT_S, ErrorCategory.PROVIDER_ERROR), ("timeout", 0.5, ErrorCategory.TIMEOUT)],
)
def test_a_trigger_without_an_answer_may_be_billed_and_is_not_retried(
    stand_ins: StandInsClient,
    local_endpoints: Endpoints,
    calls: CallCollector,
    fault: str,
    timeout_s: float,
    category: ErrorCategory,
) -> None:
    stand_ins.fault("brightdata", fault, times=1)

    error = _refusal(BrightDataClient(KEY, calls=calls, timeout_s=timeout_s, prices=PRICES))

    assert isinstance(error, TriggerLost)
    assert (error.category, error.is_transient) == (category, False)
    assert [(call.status, call.cost_usd) for call in calls.drain()] == [(None, None)]
    assert len(stand_ins.calls("brightdata")) == 1


def test_a_trigger_that_was_never_sent_is_free(local_endpoints: Endpoints, calls: CallCollector) -> None:
    endpoints.use(Endpoints(brightdata_url="http://127.0.0.1:1", stand_ins=frozenset({"brightdata"})))

    assert _refusal(BrightDataClient(KEY, calls=calls, prices=PRICES)).is_transient
    assert [call.cost_usd for call in calls.drain()] == [0]


def test_a_vendor_that_does_not_answer_causes_a_timeout(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    stand_ins.fault("brightdata", "timeout")

    error = _refusal(BrightDataClient(KEY, calls=calls, timeout_s=0.5, prices=PRICES), "sd_1")

    assert (error.category, error.is_transient) == (ErrorCategory.TIMEOUT, True)


def test_an_incomplete_snapshot_is_a_transient_provider_error(
    local_endpoints: Endpoints, calls: CallCollector, serve_bytes: Serve
) -> None:
    pieces: Iterator[bytes] = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
    endpoints.use(Endpoints(brightdata_url=serve_bytes(pieces), stand_ins=frozenset({"brightdata"})))

    assert _refusal(BrightDataClient(KEY, calls=calls, prices=PRICES), "sd_1").is_transient


def test_a_wrong_key_is_refused_and_not_quoted(local_endpoints: Endpoints, calls: CallCollector) -> None:
    with pytest.raises(ProviderError) as failure:
        BrightDataClient("bad-key", calls=calls, prices=PRICES).trigger(Dataset.INSTAGRAM_POSTS, [POST])

    assert failure.value.category is ErrorCategory.AUTH
    assert "bad-key" not in f"{failure.value!s}{failure.value!r}{calls!r}"


def test_a_youtube_video_is_scraped_with_its_own_dataset(stand_ins: StandInsClient, client: BrightDataClient) -> None:
    stand_ins.control("brightdata", {"delay_s": 0})
    stand_ins.add_post(platform="youtube", id="jNQXAC9IVRw", text="Me at the zoo\nAll right")
    url = {"url": "https://www.youtube.com/watch?v=jNQXAC9IVRw", "transcription_language": "English"}

    snapshot_id = client.trigger(Dataset.YOUTUBE_VIDEOS, [url])
    client.read(snapshot_id)
    snapshot = client.read(snapshot_id)

    assert isinstance(snapshot, Snapshot)
    (record,) = snapshot.records
    assert (record["video_id"], record["title"], record["description"]) == ("jNQXAC9IVRw", "Me at the zoo", "All right")
