"""YouTube videos: counts by the Data API if there is a key, everything else by yt-dlp."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import PROVIDER as BRIGHTDATA
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.post_scraper import PostAsk, ScrapedComment, ScrapedPost, ScrapeFailure, ScrapeOutcome
from whyviral.integrations.ports.price_list import PriceList

from . import errors as failures
from .data_api import YouTubeDataApi
from .data_items import read_channel, read_item
from .dataset import Resumed, YouTubeDataset
from .errors import YouTubeBlocked
from .ids import is_video_id
from .posts import Video, read_video
from .proxies import checked_proxy_url
from .visitor import Seen, Visitor

_BUDGET_S = 40.0
"""Of one run. The scrape function has 60 s; after the last video two Data API calls and a job may follow."""
_VIDEO_LIMIT_S = 20.0
"""Keeps one slow video from using the time of the others."""

type Info = Mapping[str, Any]
type Outcomes = dict[str, ScrapeOutcome]


class YouTubeScraper:
    """Fetches YouTube videos one after the other: parallel requests of one address are blocked sooner."""

    def __init__(
        self,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        data_api_key: str | None = None,
        proxy_url: str | None = None,
        brightdata_api_key: str | None = None,
        client: httpx.Client | None = None,
        budget_s: float = _BUDGET_S,
        prices: PriceList,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._proxy_url = checked_proxy_url(proxy_url)
        self._data_api = YouTubeDataApi(data_api_key, calls=calls, clock=clock, client=client) if data_api_key else None
        self._dataset = None
        # A stand-in knows no real videos, and a real service must not be paid for invented ones.
        is_stand_in = endpoints.current().is_stand_in
        if brightdata_api_key and is_stand_in(BRIGHTDATA) == is_stand_in(failures.PROVIDER):
            self._dataset = YouTubeDataset(brightdata_api_key, calls=calls, clock=clock, prices=prices)
        self._budget_s = budget_s

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapeOutcome]:
        """Return outcomes by video id; a video that was not reached in time, or failed for now, has none.

        Raises:
            ProviderError: there is no outcome for any of them; `YouTubeBlocked` if YouTube refuses our address.
        """
        ends_at = time.monotonic() + self._budget_s
        requested = {ask.post_id: ask for ask in asks}
        outcomes: Outcomes = {
            video_id: ScrapeFailure(video_id, ErrorCategory.INVALID_URL, failures.NOT_A_VIDEO_ID)
            for video_id in requested
            if not is_video_id(video_id)
        }
        asks = [ask for video_id, ask in requested.items() if video_id not in outcomes]
        resumed = self._resume(asks)
        outcomes |= resumed.outcomes
        # A running job is not started again: it would be paid for twice.
        rest = [ask for ask in asks if ask.running is None or self._dataset is None] + resumed.lost
        try:
            metadata = self._fetch_metadata([ask.post_id for ask in rest], outcomes)
        except ProviderError as exc:
            if not resumed.outcomes:
                raise
            # Raised here, it would lose the posts of the finished jobs, which are paid for.
            return outcomes | {ask.post_id: _refused(ask.post_id, exc) for ask in rest}
        rest = [ask for ask in rest if ask.post_id not in outcomes]
        failure = self._visit(rest, metadata, outcomes, ends_at=ends_at)
        if isinstance(failure, YouTubeBlocked):
            outcomes |= self._start_job([ask for ask in rest if ask.post_id not in outcomes])
        failure = failure or resumed.failure
        if failure is not None and not outcomes:
            raise failure
        return outcomes

    def _resume(self, asks: Sequence[PostAsk]) -> Resumed:
        """Return the state of the jobs that an earlier run started at the scraping service."""
        waiting = [ask for ask in asks if ask.running is not None]
        return self._dataset.resume(waiting) if self._dataset and waiting else Resumed()

    def _start_job(self, asks: Sequence[PostAsk]) -> Outcomes:
        """Start a job for the videos that YouTube refuses to our address, if there is a scraping service."""
        if self._dataset is None or not asks:
            return {}
        try:
            return self._dataset.start(asks)
        except ProviderError:
            return {}  # recorded; the post fails with YouTube's own refusal, which passes

    def _fetch_metadata(self, video_ids: Sequence[str], outcomes: Outcomes) -> Mapping[str, Info]:
        """Return the metadata of the videos by the Data API, and add an outcome for each one that it refuses.

        Without a key or quota the result is empty, and yt-dlp supplies everything.
        """
        if self._data_api is None or not video_ids:
            return {}
        try:
            items = self._data_api.list_videos(video_ids)
        except ProviderError as exc:
            if not exc.is_transient:
                raise  # an operator must replace a refused key; working around it would hide that
            return {}
        metadata: dict[str, Info] = {}
        for video_id in video_ids:
            answer = _read(items.get(video_id))
            if isinstance(answer, ProviderError):
                outcomes[video_id] = _refused(video_id, answer)
            else:
                metadata[video_id] = answer
        return metadata

    def _visit(
        self, asks: Sequence[PostAsk], metadata: Mapping[str, Info], outcomes: Outcomes, *, ends_at: float
    ) -> ProviderError | None:
        """Add the outcomes of the videos; return the last failure that left a video without one."""
        failure: ProviderError | None = None
        with Visitor(calls=self._calls, clock=self._clock, proxy_url=self._proxy_url) as visitor:
            for ask in asks:
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    break
                seen: Seen | None = None
                try:
                    seen = visitor.see(ask.post_id, timeout_s=min(left_s, _VIDEO_LIMIT_S))
                except ProviderError as exc:
                    is_too_large = exc.category is ErrorCategory.MEDIA_ERROR
                    if exc.category.is_users_side or (is_too_large and ask.post_id not in metadata):
                        outcomes[ask.post_id] = _refused(ask.post_id, exc)
                        continue
                    failure = failure if is_too_large else exc
                if seen or ask.post_id in metadata:
                    outcomes[ask.post_id] = self._post(ask, seen, metadata.get(ask.post_id))
        return failure

    def _post(self, ask: PostAsk, seen: Seen | None, metadata: Info | None) -> ScrapedPost:
        """Merge both sources; the Data API's counts are exact, and are there when yt-dlp is refused."""
        info = {**(seen.info if seen else {}), **(metadata or {})}
        comments: Sequence[ScrapedComment] = ()
        if metadata is not None:
            info = {**self._channel(info), **info}
            comments = self._comments(ask.post_id, info)
        sources = [name for name, source in (("data_api", metadata), ("yt_dlp", seen)) if source is not None]
        return read_video(
            info,
            video_id=ask.post_id,
            path_word=ask.path_word,
            transcript=seen.transcript if seen else None,
            comments=comments,
            sources=sources,
        )

    def _channel(self, info: Info) -> Info:
        """Return handle and followers of a channel if yt-dlp did not return them."""
        channel_id = Video.model_validate(info).channel_id
        if self._data_api is None or channel_id is None or info.get("channel_follower_count") is not None:
            return {}
        try:
            item = self._data_api.list_channels([channel_id]).get(channel_id)
        except ProviderError:
            return {}  # recorded; the post is saved without its channel's followers
        return read_channel(item) if item else {}

    def _comments(self, video_id: str, info: Info) -> Sequence[ScrapedComment]:
        if self._data_api is None or not info.get("comment_count"):
            return ()
        try:
            return self._data_api.list_comments(video_id)
        except ProviderError:
            return ()  # recorded, as above


def _read(item: Mapping[str, Any] | None) -> Info | ProviderError:
    """Return the metadata in an item of the Data API, or the refusal of its video."""
    if item is None:
        return failures.not_found()
    info = read_item(item)
    if isinstance(info, ProviderError):
        return info
    return Video.model_validate(info).find_refusal() or info


def _refused(video_id: str, refusal: ProviderError) -> ScrapeFailure:
    return ScrapeFailure(video_id, refusal.category, refusal.message)
