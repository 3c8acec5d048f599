"""The client for Bright Data's Scraper API: starts jobs that scrape public pages, and polls them later.

A job is billed by the records that it delivers. The caller stores a job's id before it polls the job, so that no crash
makes us start, and pay for, a second one.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.errors import ConnectionDropped, NotConnected, ProviderError
from whyviral.integrations.http.api_keys import checked_key, hash_of_key
from whyviral.integrations.http.bounded import HttpAnswer, fetch, post_json, shared_client
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.price_list import BRIGHTDATA_RECORD, PriceList, as_bound, as_cost

from .errors import (
    PROVIDER,
    SERVICE,
    SnapshotFailed,
    category_of_row,
    find_refusal,
    job_failed,
    snapshot_empty,
    snapshot_lost,
    trigger_lost,
    unreadable,
)

TIMEOUT_S = 9.0
MOST_CALLS_A_READ = 4
"""`read` requests progress and records, each once more after a dropped connection."""
FIRST_WAIT_S = 5.0
"""The delay between the start of a job and its first poll."""

_MAX_BYTES = 32 * 1024 * 1024
_WAITS_S = ((5.0, 5.0), (25.0, 10.0), (40.0, 15.0), (60.0, 20.0))
"""Poll delays by running time, both in seconds; a job takes 25 to 60 s. Source: latencies measured in 2026-09."""
_MAX_WAIT_S = 30.0
_HANDOVER_WAIT_S = 2.0
"""The poll delay while a job is `ready` but its records are not. Source: the vendor's SDK 2.5.2 keeps polling then."""
_LOST_AFTER_S = 3600.0
"""Much longer than any job takes. Source: the vendor's SDK 2.5.2 stops polling after 600 s."""
_MAX_MS = 10**12
"""A cap, because JSON integers may exceed the range of a float."""
_SNAPSHOT_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""The id is opaque, but it is checked because it becomes part of a path."""
_FAILED_STATUSES = frozenset({"failed", "canceled", "cancelled", "error"})


class Dataset(StrEnum):
    """The vendor's ids of the datasets that we scrape. Source: docs.brightdata.com, "Scrapers library", 2026-11."""

    INSTAGRAM_POSTS = "gd_lk5ns7kz21pck8jpis"
    INSTAGRAM_REELS = "gd_lyclm20il4r5helnj"
    INSTAGRAM_PROFILES = "gd_l1vikfch901nx3by4"
    YOUTUBE_VIDEOS = "gd_lk56epmy2i5g7lzu0k"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that a job has delivered, in no particular order; see `category_of_row` for rows of failed inputs."""

    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Working:
    """The job is still running."""

    wait_s: float
    """The delay in seconds before the next poll, which grows with the job's running time."""


class BrightDataClient:
    """Starts jobs, polls them and downloads their records."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = TIMEOUT_S,
        prices: PriceList,
    ) -> None:
        key = checked_key(api_key, name="BRIGHTDATA_API_KEY")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._key_hash = hash_of_key(key)
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s
        self._prices = prices
        self._url = f"{endpoints.current().brightdata_url}/datasets/v3"

    def trigger(
        self, dataset: Dataset, inputs: Sequence[Mapping[str, str | int]], *, discover_most: int | None = None
    ) -> str:
        """Start one job for all `inputs` and return its id, which the caller must store first.

        Args:
            dataset: the dataset.
            inputs: each is a URL and what else the dataset takes.
            discover_most: the most records that an input may yield, for a job that discovers the posts of a profile;
                None if each input yields one record.

        Raises:
            TriggerLost: it is unknown whether the job was started; if it was, it will be billed.
            ProviderError: the job was refused.
        """
        # Without include_errors, the snapshot has no row for a failed input.
        query = {"dataset_id": dataset, "include_errors": "true", "format": "json"}
        if discover_most is not None:
            # Without a limit the whole profile is collected and billed.
            query |= {"type": "discover_new", "discover_by": "url", "limit_per_input": str(discover_most)}
        most_usd = as_bound(self._usd(len(inputs) * (discover_most or 1)))
        with self._recorded("POST /datasets/v3/trigger", most_usd=most_usd) as call:
            call.cost_usd = None  # unknown from here on: the job may be billed unless the answer is a refusal
            try:
                answer = post_json(
                    self._client,
                    httpx.URL(f"{self._url}/trigger", params=query),
                    inputs,
                    provider=PROVIDER,
                    service=SERVICE,
                    headers=self._headers,
                    total_s=self._timeout_s,
                    max_bytes=_MAX_BYTES,
                )
            except NotConnected:
                call.cost_usd = Decimal(0)
                raise
            except ProviderError as exc:
                raise trigger_lost(exc) from exc
            call.status = answer.status
            if refusal := find_refusal(answer, now=self._clock()):
                call.cost_usd = Decimal(0)
                raise refusal
            snapshot_id = _snapshot_id_in(answer.body)
            if snapshot_id is None:
                raise trigger_lost(unreadable(answer.status))
            call.job_id = snapshot_id  # the cost is known once the job has delivered its records
            return snapshot_id

    def read(self, snapshot_id: str) -> Snapshot | Working:
        """Return the job's records, or the delay before the next poll.

        The call that reports the job's end is recorded with the job's price and id. The ledger moves the price to the
        call that started the job.

        Raises:
            SnapshotLost: the vendor no longer knows the job.
            SnapshotFailed: the job has ended without a record.
            ProviderError: any other failure; the job may still be running and keeps its id.
        """
        # The vendor drops idle connections, and a read is safe to repeat.
        return _retry_if_dropped(lambda: self._progress(snapshot_id)) or _retry_if_dropped(
            lambda: self._download(snapshot_id)
        )

    def _progress(self, snapshot_id: str) -> Working | None:
        """Return the delay before the next poll, or None if the job is ready."""
        with self._recorded_poll(snapshot_id, "GET /datasets/v3/progress/{id}") as call:
            answer = self._get(f"/progress/{snapshot_id}", call)
            document = self._document(answer)
            status = document.get("status") if isinstance(document, Mapping) else None
            if not isinstance(status, str):
                raise unreadable(answer.status)
            if status == "ready":
                return None
            if status in _FAILED_STATUSES:
                raise job_failed(document.get("error_message"))
            running_s = _seconds(document.get("running_time"))
            if running_s > _LOST_AFTER_S:
                raise snapshot_lost(answer.status)
            return Working(next((wait_s for until_s, wait_s in _WAITS_S if running_s < until_s), _MAX_WAIT_S))

    def _download(self, snapshot_id: str) -> Snapshot | Working:
        with self._recorded_poll(snapshot_id, "GET /datasets/v3/snapshot/{id}") as call:
            answer = self._get(f"/snapshot/{snapshot_id}", call, {"format": "json"})
            records = self._document(answer)
            if answer.status == HTTPStatus.ACCEPTED:  # happens even right after `ready`
                return Working(_HANDOVER_WAIT_S)
            if not isinstance(records, list):
                raise unreadable(answer.status)
            if not records:
                raise snapshot_empty(answer.status)
            call.job_id = snapshot_id
            rows = [record for record in records if isinstance(record, Mapping)]
            # Rows of failed inputs are free. Source: docs.brightdata.com, "Billing", 2026-09.
            call.cost_usd = as_cost(self._usd(sum(category_of_row(row) is None for row in rows)))
            return Snapshot(rows)

    def _get(self, path: str, call: CallOutcome, query: Mapping[str, str] | None = None) -> HttpAnswer:
        answer = fetch(
            self._client,
            f"{self._url}{path}",
            provider=PROVIDER,
            service=SERVICE,
            headers=self._headers,
            params=query,
            total_s=self._timeout_s,
            max_bytes=_MAX_BYTES,
        )
        call.status = answer.status
        return answer

    def _document(self, answer: HttpAnswer) -> Any:
        refusal = find_refusal(answer, now=self._clock())
        if refusal is not None:
            raise refusal
        try:
            return parse_untrusted_json(answer.body)
        except NotJson:
            raise unreadable(answer.status) from None

    def _usd(self, records: int) -> Decimal | None:
        record_usd = self._prices.find(BRIGHTDATA_RECORD, on=self._clock().date())
        return None if record_usd is None else record_usd * records

    @contextmanager
    def _recorded_poll(self, snapshot_id: str, operation: str) -> Iterator[CallOutcome]:
        with self._recorded(operation) as call:
            try:
                yield call
            except SnapshotFailed:
                call.job_id = snapshot_id  # the job has ended and is free
                raise

    def _recorded(
        self, operation: str, *, most_usd: Decimal | None = Decimal(0)
    ) -> AbstractContextManager[CallOutcome]:
        return recorded_call(
            self._calls,
            provider=PROVIDER,
            operation=operation,
            clock=self._clock,
            key_hash=self._key_hash,
            most_usd=most_usd,
        )


def _snapshot_id_in(body: bytes) -> str | None:
    try:
        document = parse_untrusted_json(body)
    except NotJson:
        return None
    snapshot_id = document.get("snapshot_id") if isinstance(document, Mapping) else None
    return snapshot_id if isinstance(snapshot_id, str) and _SNAPSHOT_ID.fullmatch(snapshot_id) else None


def _retry_if_dropped[Result](call: Callable[[], Result]) -> Result:
    try:
        return call()
    except ConnectionDropped:
        return call()


def _seconds(milliseconds: Any) -> float:
    return min(milliseconds, _MAX_MS) / 1000 if isinstance(milliseconds, int | float) else 0.0
