"""YouTube videos by Bright Data, for when YouTube refuses our address: slower, paid for, and without captions."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import (
    BEGUN_UNSEEN,
    LOST_AGAIN,
    SnapshotFailed,
    SnapshotLost,
    TriggerLost,
    category_of_row,
)
from whyviral.integrations.brightdata.scraper_api import FIRST_WAIT_S, BrightDataClient, Dataset, Working
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel, count_of_text
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.post_scraper import (
    PostAsk,
    ScrapedPost,
    ScrapeFailure,
    ScrapeJob,
    ScrapeOutcome,
    ScrapePending,
)
from whyviral.integrations.ports.price_list import PriceList

from . import errors as failures
from .data_items import read_moment
from .ids import watch_url
from .posts import Video, read_info, read_video

_KIND = "videos"
_MAX_JOBS = 2
"""Started for one video without a new request: each may have to be paid for."""
_TIMEOUT_S = 8.0
_RESUME_S = 4.0
"""No job is polled later in a run: its calls and their retries take up to 40 s, including the waits for their turns."""
_SENTENCES: Mapping[ErrorCategory, str] = {
    ErrorCategory.NOT_FOUND: failures.NOT_FOUND,
    ErrorCategory.PRIVATE: "This video is private.",
    ErrorCategory.INVALID_URL: failures.NOT_A_VIDEO_ID,
    ErrorCategory.TIMEOUT: "YouTube took too long to show this video; try again.",
}
_OTHERWISE = "YouTube could not be read for this video; try again."

type Number = Annotated[Count, BeforeValidator(count_of_text)]
type Outcomes = dict[str, ScrapeOutcome]


class Record(VendorModel):
    """The fields of a record that we use."""

    video_id: Lenient[str] = None
    shortcode: Lenient[str] = None
    title: Lenient[str] = None
    description: Lenient[str] = None
    youtuber: Lenient[str] = None
    youtuber_id: Lenient[str] = None
    handle_name: Lenient[str] = None
    subscribers: Lenient[Number] = None
    verified: Lenient[bool] = None
    likes: Lenient[Number] = None
    views: Lenient[Number] = None
    num_comments: Lenient[Number] = None
    video_length: Lenient[Number] = None
    date_posted: Lenient[str] = None
    tags: Lenient[list[Lenient[str]]] = None


@dataclass(slots=True)
class Resumed:
    """The state of jobs; a video that is missing here keeps its job, and is polled again."""

    outcomes: Outcomes = field(default_factory=dict)
    lost: list[PostAsk] = field(default_factory=list)
    """The videos whose job is lost and may be started again."""
    failure: ProviderError | None = None
    """Why some jobs could not be polled."""


class YouTubeDataset:
    """Starts and polls jobs for videos."""

    def __init__(self, api_key: str, *, calls: CallRecorder, clock: Clock, prices: PriceList) -> None:
        self._provider = BrightDataClient(api_key, calls=calls, clock=clock, timeout_s=_TIMEOUT_S, prices=prices)

    def start(self, asks: Sequence[PostAsk]) -> Outcomes:
        """Start one job for all the videos; if the start is uncertain, they fail.

        Raises:
            ProviderError: the scraping service refused the job.
        """
        try:
            job_id = self._provider.trigger(Dataset.YOUTUBE_VIDEOS, [{"url": watch_url(ask.post_id)} for ask in asks])
        except TriggerLost as exc:  # a second start might be paid for twice
            unseen = {ask.post_id: ScrapeJob("", _KIND, ask.next_number) for ask in asks}
            return _lost(unseen, exc.category, BEGUN_UNSEEN)
        return {
            ask.post_id: ScrapePending(ask.post_id, ScrapeJob(job_id, _KIND, ask.next_number), FIRST_WAIT_S)
            for ask in asks
        }

    def resume(self, asks: Sequence[PostAsk]) -> Resumed:
        """Poll the jobs of the videos while there is time."""
        resumed = Resumed()
        last_start = time.monotonic() + _RESUME_S
        for job_id, waiting in _by_job(asks).items():
            if time.monotonic() > last_start:
                break
            try:
                self._poll(job_id, waiting, resumed)
            except ProviderError as exc:
                resumed.failure = exc
        return resumed

    def _poll(self, job_id: str, asks: Sequence[PostAsk], resumed: Resumed) -> None:
        try:
            found = self._provider.read(job_id)
        except SnapshotLost as exc:
            resumed.lost += [ask for ask in asks if ask.next_number <= _MAX_JOBS]
            last = {ask.post_id: ask.job for ask in asks if ask.job is not None and ask.next_number > _MAX_JOBS}
            resumed.outcomes |= _lost(last, exc.category, LOST_AGAIN)
        except SnapshotFailed as exc:
            resumed.outcomes |= {ask.post_id: _failed(ask, exc.category) for ask in asks}
        else:
            if isinstance(found, Working):
                jobs = {ask.post_id: ask.job for ask in asks if ask.job is not None}
                resumed.outcomes |= {name: ScrapePending(name, job, found.wait_s) for name, job in jobs.items()}
            else:
                rows = _by_video(found.records)
                resumed.outcomes |= {ask.post_id: _read(ask, rows.get(ask.post_id)) for ask in asks}


def _by_job(asks: Sequence[PostAsk]) -> dict[str, list[PostAsk]]:
    jobs: dict[str, list[PostAsk]] = {}
    for ask in asks:
        if ask.job is not None:
            jobs.setdefault(ask.job.id, []).append(ask)
    return jobs


def _lost(jobs: Mapping[str, ScrapeJob], category: ErrorCategory, message: str) -> Outcomes:
    """Fail videos whose job is lost, and record that it was started."""
    return {id_: ScrapeFailure(id_, category, message, lost=replace(job, is_lost=True)) for id_, job in jobs.items()}


def _by_video(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return each row by its video; their order has no meaning."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if category_of_row(row) is None:
            record = Record.model_validate(row)
            video_id = record.video_id or record.shortcode
        else:
            given = row.get("input")
            video_id = str(given.get("url")).removeprefix(watch_url("")) if isinstance(given, Mapping) else None
        if video_id:
            found.setdefault(video_id, row)
    return found


def _read(ask: PostAsk, row: Mapping[str, Any] | None) -> ScrapedPost | ScrapeFailure:
    if row is None:  # the job has another video, or nothing
        return _failed(ask, ErrorCategory.PROVIDER_ERROR)
    if (category := category_of_row(row)) is not None:
        return _failed(ask, category)
    info = read_info(_as_yt_dlp_info(Record.model_validate(row)))
    if refusal := Video.model_validate(info).find_refusal():
        return ScrapeFailure(ask.post_id, refusal.category, refusal.message)
    return read_video(info, video_id=ask.post_id, path_word=ask.path_word, sources=["brightdata"])


def _as_yt_dlp_info(record: Record) -> dict[str, Any]:
    posted_at = read_moment(record.date_posted)
    handle = (record.handle_name or "").strip().removeprefix("@")
    return {
        "title": record.title,
        "description": record.description,
        "channel": record.youtuber,
        "channel_id": record.youtuber_id,
        "uploader_id": f"@{handle}" if handle else None,
        "channel_follower_count": record.subscribers,
        "channel_is_verified": record.verified,
        "like_count": record.likes,
        "view_count": record.views,
        "comment_count": record.num_comments,
        "duration": record.video_length,
        "timestamp": _seconds(posted_at),
        "tags": record.tags,
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.astimezone(UTC).timestamp()) if moment else None


def _failed(ask: PostAsk, category: ErrorCategory) -> ScrapeFailure:
    return ScrapeFailure(ask.post_id, category, _SENTENCES.get(category, _OTHERWISE))
