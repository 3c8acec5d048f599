"""The recent videos of a channel: by the Data API if there is a key and its use is allowed, else by yt-dlp."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListedPost, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob

from . import errors as failures
from .data_api import YouTubeDataApi
from .data_items import read_item
from .errors import PROVIDER, EmptyTab
from .ids import is_video_id
from .posts import Video, read_info
from .proxies import checked_proxy_url

_LONGEST_SHORT_S = 180
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}")
_TABS = {PostKind.SHORT: "shorts", PostKind.LONG: "videos", PostKind.LIVE: "streams"}
_PLAYLISTS = {PostKind.SHORT: "UUSH", PostKind.LONG: "UULF", PostKind.LIVE: "UULV"}
"""The prefixes of a channel's lists by kind, in place of `UC`; undocumented. Source: observed, 2026-11."""
_ALL_UPLOADS = "UU"
_NOT_PUBLIC = frozenset({"subscriber_only", "premium_only", "private", "needs_auth", "unlisted"})


class YouTubeCreatorPosts:
    """Lists the videos of a channel, one kind at a time."""

    def __init__(
        self,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        data_api_key: str | None = None,
        proxy_url: str | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._proxy_url = checked_proxy_url(proxy_url)
        self._data_api = YouTubeDataApi(data_api_key, calls=calls, clock=clock, client=client) if data_api_key else None

    def resolve(self, handle: str, *, timeout_s: float) -> Creator:
        """Return the channel with this handle or id, with its id.

        Raises:
            ProviderError: the call failed; not_found and removed are about the channel.
        """
        if _CHANNEL_ID.fullmatch(handle):
            return Creator(id=handle)
        if self._data_api is not None:
            item = self._data_api.find_channel(handle)
            channel_id = item.get("id") if item else None
            if not isinstance(channel_id, str) or not _CHANNEL_ID.fullmatch(channel_id):
                raise failures.channel_not_found()
            return Creator(id=channel_id, handle=handle)
        try:
            tab = self._read_tab(f"https://www.youtube.com/@{handle}/videos", timeout_s=timeout_s)
        except EmptyTab:
            tab = self._read_tab(f"https://www.youtube.com/@{handle}/shorts", timeout_s=timeout_s)
        channel_id = tab.get("channel_id")
        if not isinstance(channel_id, str) or not _CHANNEL_ID.fullmatch(channel_id):
            raise failures.unreadable()
        return Creator(id=channel_id, handle=handle)

    def list_posts(
        self, creator: Creator, kind: PostKind | None, *, job: ScrapeJob | None, timeout_s: float
    ) -> CreatorListing:
        """Return the newest videos of one kind.

        Raises:
            ProviderError: nothing is known about the channel's videos.
        """
        del job  # the answer comes at once
        if creator.id is None or not _CHANNEL_ID.fullmatch(creator.id) or kind not in _TABS:
            raise failures.channel_not_found()
        if self._data_api is not None:
            return self._by_data_api(self._data_api, creator, creator.id, kind)
        try:
            tab = self._read_tab(f"https://www.youtube.com/channel/{creator.id}/{_TABS[kind]}", timeout_s=timeout_s)
        except EmptyTab:
            return CreatorListing(creator, (), has_exact_times=False)
        posts = [post for entry in tab.get("entries") or () if (post := _read_entry(entry, kind, now=self._clock()))]
        return CreatorListing(creator, posts, has_exact_times=False)

    def _by_data_api(self, api: YouTubeDataApi, creator: Creator, channel_id: str, kind: PostKind) -> CreatorListing:
        own = channel_id.removeprefix("UC")
        ids = api.list_playlist(_PLAYLISTS[kind] + own)
        is_of_kind = ids is not None
        if ids is None:
            ids = api.list_playlist(_ALL_UPLOADS + own) or []
        items = api.list_videos(ids) if ids else {}
        posts = [_read_video(items[each], each, kind if is_of_kind else None) for each in ids if each in items]
        return CreatorListing(creator, [post for post in posts if post is not None and post.kind is kind])

    def _read_tab(self, url: str, *, timeout_s: float) -> Mapping[str, Any]:
        # Loading yt-dlp takes half a second, so it is imported with the first list.
        from .ytdlp.session import open_tab_session  # noqa: PLC0415

        with (
            recorded_call(self._calls, provider=PROVIDER, operation="yt-dlp tab", clock=self._clock) as call,
            open_tab_session(proxy_url=self._proxy_url) as session,
        ):
            try:
                return session.list_tab(url, timeout_s=timeout_s)
            finally:
                call.status = session.status


def _read_video(item: Mapping[str, Any], video_id: str, kind: PostKind | None) -> ListedPost | None:
    """Return a video of the Data API; None if it is not public, is live, or is refused.

    Without a list of the kind, only a long video and a finished broadcast can be recognised.
    """
    info = read_item(item)
    status = item.get("status")
    is_public = not isinstance(status, Mapping) or status.get("privacyStatus") in (None, "public")
    if isinstance(info, ProviderError) or not is_public:
        return None
    video = Video.model_validate(info)
    if video.find_refusal():
        return None
    if kind is None:
        was_live = isinstance(item.get("liveStreamingDetails"), Mapping)
        is_long = video.duration is not None and video.duration > _LONGEST_SHORT_S
        kind = PostKind.LIVE if was_live else PostKind.LONG if is_long else None
    posted_at = None if video.timestamp is None else datetime.fromtimestamp(video.timestamp, UTC)
    return ListedPost(video_id, kind, posted_at, video.view_count, video.like_count, video.comment_count)


def _read_entry(entry: Any, kind: PostKind, *, now: datetime) -> ListedPost | None:
    """Return a video of a tab; its count is rounded, and its time approximate or unknown."""
    video_id = entry.get("id") if isinstance(entry, Mapping) else None
    if not isinstance(video_id, str) or not is_video_id(video_id) or entry.get("availability") in _NOT_PUBLIC:
        return None
    video = Video.model_validate(read_info(entry))
    if video.find_refusal() or (kind is not PostKind.LIVE and video.live_status == "was_live"):
        return None
    posted_at = None
    if video.timestamp is not None and video.timestamp <= now.timestamp():
        posted_at = datetime.fromtimestamp(video.timestamp, UTC)
    # "No views" and hidden views look the same.
    return ListedPost(video_id, kind, posted_at, video.view_count or None)
