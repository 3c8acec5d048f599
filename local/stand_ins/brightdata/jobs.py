"""Bright Data's collection jobs: their inputs, progress and results. Source: docs.brightdata.com, 2026-11."""

import random
import re
import secrets
import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import Field

from local.stand_ins.brightdata.instagram_records import post_record, profile_record, reel_record
from local.stand_ins.brightdata.videos import video_record
from local.stand_ins.scenario.creators import CreatorShelf
from local.stand_ins.scenario.orders import Order
from local.stand_ins.scenario.posts import Platform, Post

type Json = dict[str, Any]


class Settings(Order):
    """The behaviour of new jobs, until the reset."""

    delay_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 1.0
    """The time from the trigger to `ready`; a job is `starting` for the first third of it."""
    hold_s: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 60.0
    """How long `scrape` keeps the connection open before it returns a snapshot id."""
    fails_with: str | None = None
    """If set, jobs triggered from now on end as `failed` with this message."""
    links_live_s: Annotated[float, Field(ge=-(10**9), le=10**9, allow_inf_nan=False)] = 4 * 24 * 3600
    """The lifetime of links to media; if it is negative, they have already expired."""


class JobStatus(StrEnum):
    """The progress of a job."""

    STARTING = "starting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class _Source:
    """The posts of a dataset, and the form of their records."""

    platform: Platform
    id_in_url: re.Pattern[str]
    record: Callable[..., Json | None]
    input_fields: frozenset[str] = frozenset({"url"})


_INSTAGRAM_URL = re.compile(r"https://www\.instagram\.com/(?:p|reel|reels|tv)/([A-Za-z0-9_-]{1,11})/?")
_PROFILE_URL = re.compile(r"https://www\.instagram\.com/([A-Za-z0-9._]{1,30})/?")
PROFILES = "gd_l1vikfch901nx3by4"
REELS = "gd_lyclm20il4r5helnj"
PROFILE_FIELDS = frozenset({"url", "num_of_posts", "start_date", "end_date"})


class Library(Protocol):
    """Where jobs find posts and creators."""

    creators: CreatorShelf

    def find_post(self, platform: Platform, post_id: str) -> Post | None:
        """Return a post by its id."""
        ...

    def list_posts_of(self, platform: Platform, username: str) -> list[Post]:
        """Return every post of a creator, newest first."""
        ...


SOURCES: Mapping[str, _Source] = {
    "gd_lk5ns7kz21pck8jpis": _Source(Platform.INSTAGRAM, _INSTAGRAM_URL, post_record),
    "gd_lyclm20il4r5helnj": _Source(Platform.INSTAGRAM, _INSTAGRAM_URL, reel_record),
    "gd_lk56epmy2i5g7lzu0k": _Source(
        Platform.YOUTUBE,
        re.compile(r"https://www\.youtube\.com/watch\?v=([A-Za-z0-9_-]{11})"),
        video_record,
        input_fields=frozenset({"url", "country", "transcription_language"}),
    ),
}
"""By dataset id."""


@dataclass(slots=True)
class Job:
    """One triggered job."""

    dataset_id: str
    urls: Sequence[str]
    includes_errors: bool
    settings: Settings
    discovers: bool = False
    """Whether it collects the posts of a profile."""
    most_records: int = 1
    started_mono_s: float = field(default_factory=time.monotonic)
    is_canceled: bool = False
    snapshot_was_late: bool = False
    """Whether the snapshot was refused once although the job was ready, as sometimes happens at the vendor."""

    @property
    def running_s(self) -> float:
        """Seconds since the trigger."""
        return time.monotonic() - self.started_mono_s

    @property
    def status(self) -> JobStatus:
        """The current progress."""
        if self.is_canceled:
            return JobStatus.CANCELED
        if self.running_s >= self.settings.delay_s:
            return JobStatus.READY if self.settings.fails_with is None else JobStatus.FAILED
        return JobStatus.STARTING if self.running_s < self.settings.delay_s / 3 else JobStatus.RUNNING

    def rows(self, library: Library) -> list[Json]:
        """Return the job's records and error rows in random order."""
        if self.dataset_id == PROFILES or self.discovers:
            rows = [row for url in self.urls for row in self._profile_rows(url, library)]
        else:
            rows = [self._row(url, library) for url in self.urls]
        random.shuffle(rows)
        return [row for row in rows if self.includes_errors or "error" not in row]

    def _profile_rows(self, url: str, library: Library) -> list[Json]:
        """Return the record of a profile, or the records of its reels."""
        match = _PROFILE_URL.fullmatch(url)
        if match is None:
            return [_error_row(url, "bad_input", "It is not a profile URL")]
        posts = library.list_posts_of(Platform.INSTAGRAM, match[1])
        creator = library.creators.find(Platform.INSTAGRAM, match[1])
        if (not posts and creator is None) or (creator is not None and creator.is_gone):
            return [_error_row(url, "dead_page", "Crawler error: Cannot read properties of null (reading 'id')")]
        is_private = creator is not None and creator.is_private
        if not self.discovers:
            return [profile_record(match[1], [] if is_private else posts, url=url, is_private=is_private)]
        links_live = timedelta(seconds=self.settings.links_live_s)
        reels = [record for post in posts if (record := reel_record(post, url=url, links_live=links_live))]
        if is_private or not reels:
            return [_error_row(url, "dead_page", "There are no public posts in the profile")]
        return reels[: self.most_records]

    def _row(self, url: str, library: Library) -> Json:
        source = SOURCES[self.dataset_id]
        match = source.id_in_url.fullmatch(url)
        if match is None:
            return _error_row(url, "bad_input", "It is not a post URL")
        post = library.find_post(source.platform, match[1])
        if post is None:
            return _error_row(url, "dead_page", "4XX page - dead page.")
        if "error_code" in post.raw:
            return _error_row(url, post.raw["error_code"], post.raw.get("error"))
        return self._record(source, post, url)

    def _record(self, source: _Source, post: Post, url: str) -> Json:
        record = source.record(post, url=url, links_live=timedelta(seconds=self.settings.links_live_s))
        return record or _error_row(url, "crawl_error", "Crawler error: Cannot read properties of null")


def _error_row(url: str, code: Any, message: Any) -> Json:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": now, "input": {"url": url}, "error": message, "error_code": code}


@dataclass(slots=True)
class Jobs:
    """All jobs by snapshot id."""

    settings: Settings = field(default_factory=Settings)
    by_id: dict[str, Job] = field(default_factory=dict)

    def trigger(
        self, dataset_id: str, urls: Sequence[str], *, includes_errors: bool, discover_most: int | None = None
    ) -> str:
        """Start a job and return its snapshot id."""
        letters = string.ascii_lowercase + string.digits
        snapshot_id = "sd_" + "".join(secrets.choice(letters) for _ in range(17))
        self.by_id[snapshot_id] = Job(
            dataset_id,
            urls,
            includes_errors,
            self.settings,
            discovers=discover_most is not None,
            most_records=discover_most or 1,
        )
        return snapshot_id

    def reset(self) -> None:
        """Delete every job and restore the default settings."""
        self.settings = Settings()
        self.by_id.clear()
