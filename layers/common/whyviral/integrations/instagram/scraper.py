"""Instagram posts by Bright Data: one job for all posts of a kind, started in one run and polled in later ones."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx

from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import (
    BEGUN_UNSEEN,
    LOST_AGAIN,
    SnapshotFailed,
    SnapshotLost,
    TriggerLost,
    category_of_row,
)
from whyviral.integrations.brightdata.scraper_api import (
    FIRST_WAIT_S,
    TIMEOUT_S,
    BrightDataClient,
    Dataset,
    Snapshot,
    Working,
)
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.post_scraper import PostAsk, ScrapedPost, ScrapeFailure, ScrapeJob, ScrapePending
from whyviral.integrations.ports.price_list import PriceList

from .ids import media_id_of
from .posts import lacks_its_video, read_record

_POSTS = "posts"
_REELS = "reels"
_DATASETS = {_POSTS: Dataset.INSTAGRAM_POSTS, _REELS: Dataset.INSTAGRAM_REELS}
_ADDRESSES = {_POSTS: "https://www.instagram.com/p/{}/", _REELS: "https://www.instagram.com/reel/{}/"}
_REEL_WORDS = frozenset({"reel", "reels"})
RUN_S = 6.0
"""No call starts later: a snapshot's two calls and their retries take up to 44 s, including the waits for their turns,
and must end within the function's 60 s."""
_ENDING_CATEGORIES = frozenset({ErrorCategory.RATE_LIMIT, ErrorCategory.AUTH})
"""After an error of these categories the run makes no further call."""

_MESSAGES: Mapping[ErrorCategory, str] = {
    ErrorCategory.NOT_FOUND: "Instagram shows no public post at this address: it may be deleted or private.",
    ErrorCategory.PRIVATE: "The account that shared this post is private.",
    ErrorCategory.INVALID_URL: "Instagram has no posts with an address like this one.",
    ErrorCategory.TIMEOUT: "Instagram took too long to show this post; try again.",
    ErrorCategory.PROVIDER_ERROR: "Instagram could not be read for this post; try again.",
}
"""Messages to the user about a single failed post; other errors have the scraping service's message."""

_POST_IN_URL = re.compile(r"/(?:p|reel|reels|tv)/([A-Za-z0-9_-]{1,11})(?:[/?#]|$)")
_LEADING_ID = re.compile(r"([0-9]{1,19})(?:_|$)")

type _Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Start:
    """A post that needs a new job."""

    post_id: str
    kind: str
    number: int = 1


@dataclass(slots=True)
class _Run:
    """The state of one run."""

    ends_at: float
    news: dict[str, ScrapedPost | ScrapeFailure | ScrapePending] = field(default_factory=dict)
    """Final outcomes and newly started jobs, which would be paid for again if they were lost."""
    working: dict[str, ScrapePending] = field(default_factory=dict)
    starts: list[_Start] = field(default_factory=list)
    failure: ProviderError | None = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Run a step and keep its failure; skip it after the time limit or after a failure that ends the run."""
        if time.monotonic() > self.ends_at or (self.failure and self.failure.category in _ENDING_CATEGORIES):
            return
        try:
            step()
        except ProviderError as exc:
            self.failure = exc

    def fail(self, post_ids: Iterable[str], category: ErrorCategory, message: str = "") -> None:
        """Fail posts with the message of the category, or with `message` if the category has none."""
        for post_id in post_ids:
            self.news[post_id] = ScrapeFailure(post_id, category, _MESSAGES.get(category, message))

    def lose(self, jobs: Mapping[str, ScrapeJob], category: ErrorCategory, message: str) -> None:
        """Fail posts whose job is lost, and record that the job was started."""
        for post_id, job in jobs.items():
            self.news[post_id] = ScrapeFailure(post_id, category, message, lost=replace(job, is_lost=True))

    def outcomes(self) -> Mapping[str, ScrapedPost | ScrapeFailure | ScrapePending]:
        """Return the outcomes so far; posts without one are fetched again by the next run.

        Raises:
            ProviderError: a call failed, and the run has no final outcome and no new job to save.
        """
        if self.failure is not None and not self.news:
            raise self.failure
        return self.working | self.news


class InstagramScraper:
    """Fetches Instagram posts. A post takes about a minute, so most runs return pending jobs."""

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
        self._provider = BrightDataClient(
            api_key, calls=calls, clock=clock, client=client, timeout_s=timeout_s, prices=prices
        )

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapedPost | ScrapeFailure | ScrapePending]:
        """Poll each running job once, and start at most one new job per kind for the other posts.

        Raises:
            ProviderError: a call failed; no job was started and no post has a final outcome.
        """
        run = _Run(ends_at=time.monotonic() + RUN_S)
        running: dict[str, dict[str, ScrapeJob]] = {}
        for ask in asks:
            if media_id_of(ask.post_id) is None:
                run.fail([ask.post_id], ErrorCategory.INVALID_URL)
            elif ask.running is None:
                kind = _REELS if ask.path_word in _REEL_WORDS else _POSTS
                run.starts.append(_Start(ask.post_id, kind, ask.next_number))
            else:
                running.setdefault(ask.running.id, {})[ask.post_id] = ask.running
        for snapshot_id, jobs in running.items():
            run.attempt(partial(self._resume, run, snapshot_id, jobs))
        for kind in _DATASETS:
            if starts := [start for start in run.starts if start.kind == kind]:
                run.attempt(partial(self._start_job, run, kind, starts))
        return run.outcomes()

    def _start_job(self, run: _Run, kind: str, starts: Sequence[_Start]) -> None:
        try:
            snapshot_id = self._provider.trigger(
                _DATASETS[kind], [{"url": _ADDRESSES[kind].format(start.post_id)} for start in starts]
            )
        except TriggerLost as exc:
            # A job that may be running is not started again, so its posts fail.
            run.lose({start.post_id: ScrapeJob("", kind, start.number) for start in starts}, exc.category, BEGUN_UNSEEN)
            return
        except ProviderError as exc:
            if not exc.category.is_users_side:
                raise
            run.fail([start.post_id for start in starts], exc.category, exc.message)
            return
        for start in starts:
            job = ScrapeJob(snapshot_id, kind, start.number)
            run.news[start.post_id] = ScrapePending(start.post_id, job, FIRST_WAIT_S)

    def _resume(self, run: _Run, snapshot_id: str, jobs: Mapping[str, ScrapeJob]) -> None:
        try:
            found = self._provider.read(snapshot_id)
        except SnapshotLost as exc:
            # A lost job is started once more and no further, because each may be billed.
            first = {post_id: job for post_id, job in jobs.items() if job.number == 1}
            run.starts.extend(_Start(post_id, job.kind, number=2) for post_id, job in first.items())
            again = {post_id: job for post_id, job in jobs.items() if post_id not in first}
            run.lose(again, exc.category, LOST_AGAIN)
        except SnapshotFailed as exc:
            run.fail(jobs, exc.category, exc.message)
        else:
            if isinstance(found, Working):
                run.working |= {id_: ScrapePending(id_, job, found.wait_s) for id_, job in jobs.items()}
            else:
                self._read(run, found, jobs)

    def _read(self, run: _Run, snapshot: Snapshot, jobs: Mapping[str, ScrapeJob]) -> None:
        matched = match_records(snapshot.records, jobs)
        for post_id, job in jobs.items():
            record = matched.get(post_id)
            if record is None:  # the job returned another post, or nothing
                run.fail([post_id], ErrorCategory.PROVIDER_ERROR)
            elif (category := category_of_row(record)) is not None:
                run.fail([post_id], category)
            elif job.kind == _POSTS and lacks_its_video(record):
                run.starts.append(_Start(post_id, _REELS, job.number + 1))
            else:
                run.news[post_id] = read_record(record, post_id=post_id)


def match_records(records: Iterable[_Record], post_ids: Iterable[str]) -> dict[str, _Record]:
    """Return the row of each post: its record, or the row that reports an error; the order of rows has no meaning.

    A record belongs to the post that its own ids name, even if another was requested. An error row belongs to the URL
    in its input.
    """
    post_id_of = {media_id_of(post_id): post_id for post_id in post_ids}
    posts: dict[str, _Record] = {}
    failed_inputs: dict[str, _Record] = {}
    for record in records:
        is_post = category_of_row(record) is None
        named = post_id_of.get(_id_of_record(record) if is_post else _id_in_url(_input_url(record)))
        if named is not None:
            (posts if is_post else failed_inputs).setdefault(named, record)
    return failed_inputs | posts


def _id_of_record(record: _Record) -> int | None:
    """Return the numeric id of the post in a record; None if its fields disagree."""
    shortcode = record.get("shortcode")
    ids = {media_id_of(shortcode)} if isinstance(shortcode, str) else set()
    for name in ("pk", "post_id"):  # may be followed by the owner's id
        if digits := _LEADING_ID.match(str(record.get(name))):
            ids.add(int(digits[1]))
    if not ids:
        ids = {_id_in_url(record.get("url"))}
    return ids.pop() if len(ids) == 1 else None


def _input_url(record: _Record) -> Any:
    given = record.get("input")
    return given.get("url") if isinstance(given, Mapping) else None


def _id_in_url(url: Any) -> int | None:
    named = _POST_IN_URL.search(url) if isinstance(url, str) else None
    return media_id_of(named[1]) if named else None
