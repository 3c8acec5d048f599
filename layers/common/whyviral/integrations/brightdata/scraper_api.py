"""Bright Data's Scraper API: jobs that read public pages, begun here and asked about later.

A job is paid for by the records it delivers. Whoever begins one stores its id before asking about it, so that no crash
makes us begin, and pay, again.
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
    empty_snapshot,
    ended_badly,
    find_refusal,
    lost_snapshot,
    lost_trigger,
    unreadable,
)

TIMEOUT_S = 9.0
MOST_CALLS_A_READ = 4
"""Progress and records, each asked for again after a dropped connection."""
FIRST_WAIT_S = 5.0
"""When to ask for the first time about a job just begun."""

_MAX_BYTES = 32 * 1024 * 1024
_WAITS_S = ((5.0, 5.0), (25.0, 10.0), (40.0, 15.0), (60.0, 20.0))
"""Up to so many seconds of running, wait so long: a job takes 25 to 60 s. Source: latencies measured in 2026-09."""
_LONGEST_WAIT_S = 30.0
_HANDOVER_WAIT_S = 2.0
"""When a job is `ready` and its records are not yet. Source: the vendor's own SDK 2.5.2 keeps polling there."""
_LOST_AFTER_S = 3600.0
"""Far beyond any job. Source: the vendor's own SDK 2.5.2 gives one up after 600 s."""
_LONGEST_MS = 10**12
"""JSON has numbers that no float holds."""
_SNAPSHOT_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""Opaque, but it becomes part of a path."""
_BAD_ENDS = frozenset({"failed", "canceled", "cancelled", "error"})


class Dataset(StrEnum):
    """What can be scraped, by the vendor's ids. Source: docs.brightdata.com, "Scrapers library", 2026-11."""

    INSTAGRAM_POSTS = "gd_lk5ns7kz21pck8jpis"
    INSTAGRAM_REELS = "gd_lyclm20il4r5helnj"
    YOUTUBE_VIDEOS = "gd_lk56epmy2i5g7lzu0k"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a job has delivered, in no promised order; `category_of_row` tells failed inputs from records."""

    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Working:
    """The job goes on."""

    wait_s: float
    """When to ask again: later and later."""


class BrightDataClient:
    """Begins jobs and asks about them."""

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

    def trigger(self, dataset: Dataset, inputs: Sequence[Mapping[str, str]]) -> str:
        """Begin one job for all `inputs` and return its id, which is to be stored before anything else.

        Raises:
            TriggerLost: nobody knows whether it has begun; it may be running, and would then be paid for.
            ProviderError: it was refused.
        """
        # Without include_errors an input that fails is missing without a word.
        query = {"dataset_id": dataset, "include_errors": "true", "format": "json"}
        # Inputs are addresses, and each of them is one record.
        with self._recorded("POST /datasets/v3/trigger", most_usd=as_bound(self._usd(len(inputs)))) as call:
            call.cost_usd = None  # what happens from here on may be billed, until an answer says otherwise
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
                raise lost_trigger(exc) from exc
            call.status = answer.status
            if refusal := find_refusal(answer, now=self._clock()):
                call.cost_usd = Decimal(0)
                raise refusal
            snapshot_id = _snapshot_id_in(answer.body)
            if snapshot_id is None:
                raise lost_trigger(unreadable(answer.status))
            call.job_id = snapshot_id  # what it costs is known with what it delivers
            return snapshot_id

    def read(self, snapshot_id: str) -> Snapshot | Working:
        """Return what the job has delivered, or when to ask again.

        The call that tells its end has its price, and its id, by which the price is given to the call that began it.

        Raises:
            SnapshotLost: the vendor no longer knows the job.
            SnapshotFailed: the job has ended without a record.
            ProviderError: any other; the job may go on and keeps its id.
        """
        # The vendor drops idle connections, and reading again is safe.
        return _again_if_dropped(lambda: self._progress(snapshot_id)) or _again_if_dropped(
            lambda: self._download(snapshot_id)
        )

    def _progress(self, snapshot_id: str) -> Working | None:
        """Return when to ask again, or None when the job is done."""
        with self._asking_about(snapshot_id, "GET /datasets/v3/progress/{id}") as call:
            answer = self._get(f"/progress/{snapshot_id}", call)
            document = self._document(answer)
            status = document.get("status") if isinstance(document, Mapping) else None
            if not isinstance(status, str):
                raise unreadable(answer.status)
            if status == "ready":
                return None
            if status in _BAD_ENDS:
                raise ended_badly(document.get("error_message"))
            running_s = _seconds(document.get("running_time"))
            if running_s > _LOST_AFTER_S:
                raise lost_snapshot(answer.status)
            return Working(next((wait_s for until_s, wait_s in _WAITS_S if running_s < until_s), _LONGEST_WAIT_S))

    def _download(self, snapshot_id: str) -> Snapshot | Working:
        with self._asking_about(snapshot_id, "GET /datasets/v3/snapshot/{id}") as call:
            answer = self._get(f"/snapshot/{snapshot_id}", call, {"format": "json"})
            records = self._document(answer)
            if answer.status == HTTPStatus.ACCEPTED:  # happens even right after `ready`
                return Working(_HANDOVER_WAIT_S)
            if not isinstance(records, list):
                raise unreadable(answer.status)
            if not records:
                raise empty_snapshot(answer.status)
            call.job_id = snapshot_id
            rows = [record for record in records if isinstance(record, Mapping)]
            # Rows that stand for failed inputs are free. Source: docs.brightdata.com, "Billing", 2026-09.
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
    def _asking_about(self, snapshot_id: str, operation: str) -> Iterator[CallOutcome]:
        with self._recorded(operation) as call:
            try:
                yield call
            except SnapshotFailed:
                call.job_id = snapshot_id  # it has ended, and cost nothing
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


def _again_if_dropped[Answer](ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except ConnectionDropped:
        return ask()


def _seconds(milliseconds: Any) -> float:
    return min(milliseconds, _LONGEST_MS) / 1000 if isinstance(milliseconds, int | float) else 0.0
