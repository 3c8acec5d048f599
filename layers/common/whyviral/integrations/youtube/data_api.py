"""YouTube's Data API: the numbers of videos, from any address; it has neither captions nor most replayed parts."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import batched
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.api_keys import checked_key, hash_of_key
from whyviral.integrations.http.bounded import HttpAnswer, fetch, retry_after_s, shared_client
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.post_scraper import ScrapedComment

from .data_items import read_comments
from .errors import PROVIDER
from .ids import is_video_id

_SERVICE = "YouTube's Data API"
_IDS_A_CALL = 50
"""Source: developers.google.com/youtube/v3/docs/videos/list, 2026-11."""
_COMMENTS = 20
_MAX_BYTES = 8 * 1024 * 1024
_TIMEOUT_S = 5.0
_VIDEO_PARTS = "snippet,statistics,contentDetails,status,liveStreamingDetails"
_OUT_OF_DAY = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_OUT_OF_QUOTA = _OUT_OF_DAY | {"rateLimitExceeded", "userRateLimitExceeded"}
_DAY_QUOTA_REST_S = 3600.0
"""The quota resets at midnight Pacific time or when it is raised: one call an hour detects either."""
_NO_COMMENTS = frozenset({"commentsDisabled", "videoNotFound"})

type Items = dict[str, Mapping[str, Any]]


class YouTubeDataApi:
    """A client of YouTube's Data API; each call costs one of a project's 10,000 units a day."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._key = checked_key(api_key, name="YOUTUBE_API_KEY")
        self._key_hash = hash_of_key(self._key)
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s

    def list_videos(self, video_ids: Sequence[str]) -> Items:
        """Return the videos by id; private, deleted and unknown ones are absent.

        Raises:
            ProviderError: nothing is known about any of them.
        """
        return self._list("videos", video_ids, part=_VIDEO_PARTS)

    def list_channels(self, channel_ids: Sequence[str]) -> Items:
        """Return the channels by id.

        Raises:
            ProviderError: nothing is known about any of them.
        """
        return self._list("channels", channel_ids, part="snippet,statistics")

    def find_channel(self, handle: str) -> Mapping[str, Any] | None:
        """Return the channel with this handle; None if there is none.

        Raises:
            ProviderError: nothing is known about it.
        """
        items = self._get("channels", {"part": "snippet,statistics", "forHandle": f"@{handle}"}, can_lack_items=True)
        return next(iter(items), None)

    def list_playlist(self, playlist_id: str) -> list[str] | None:
        """Return the ids of the first 50 videos of a playlist; None if there is no such playlist.

        Raises:
            ProviderError: nothing is known about it.
        """
        params = {"part": "contentDetails", "playlistId": playlist_id, "maxResults": str(_IDS_A_CALL)}
        try:
            items = self._get("playlistItems", params)
        except ProviderError as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        details = [item.get("contentDetails") for item in items]
        ids = [each.get("videoId") for each in details if isinstance(each, Mapping)]
        return [video_id for video_id in ids if isinstance(video_id, str) and is_video_id(video_id)]

    def list_comments(self, video_id: str) -> Sequence[ScrapedComment]:
        """Return up to 20 comments, the most relevant first; none where they are turned off.

        Raises:
            ProviderError: nothing is known about them.
        """
        params = {
            "part": "snippet",
            "videoId": video_id,
            "order": "relevance",
            "maxResults": str(_COMMENTS),
            "textFormat": "plainText",
        }
        return read_comments(self._get("commentThreads", params, without=_NO_COMMENTS))[:_COMMENTS]

    def _list(self, resource: str, ids: Sequence[str], *, part: str) -> Items:
        found: Items = {}
        for batch in batched(dict.fromkeys(ids), _IDS_A_CALL, strict=False):
            items = self._get(resource, {"part": part, "id": ",".join(batch), "maxResults": str(_IDS_A_CALL)})
            found |= {item["id"]: item for item in items if item.get("id") in batch}
        return found

    def _get(
        self,
        resource: str,
        params: Mapping[str, str],
        *,
        without: frozenset[str] = frozenset(),
        can_lack_items: bool = False,
    ) -> list[Mapping[str, Any]]:
        """Return the items of an answer; none where it is refused for a reason in `without`."""
        with recorded_call(
            self._calls,
            provider=PROVIDER,
            operation=f"GET /{resource}",
            clock=self._clock,
            key_hash=self._key_hash,
        ) as call:
            answer = fetch(
                self._client,
                f"{endpoints.current().youtube_data_url}/{resource}",
                provider=PROVIDER,
                service=_SERVICE,
                headers={"Accept": "application/json"},
                params={**params, "key": self._key},
                total_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
            call.status = answer.status
            document = _parse(answer)
            if answer.status == HTTPStatus.OK and can_lack_items and "kind" in document and "items" not in document:
                return []
            if answer.status == HTTPStatus.OK and isinstance(items := document.get("items"), list):
                return [item for item in items if isinstance(item, Mapping)]
            reasons = _reasons(document)
            if reasons & without:
                return []
            refusal = _refusal(answer.status, reasons)
            if refusal.is_transient:
                requested_s = retry_after_s(answer.headers, now=self._clock())
                refusal.retry_after_s = (
                    _DAY_QUOTA_REST_S if requested_s is None and reasons & _OUT_OF_DAY else requested_s
                )
            raise refusal


def _parse(answer: HttpAnswer) -> Mapping[str, Any]:
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return {}
    return document if isinstance(document, Mapping) else {}


def _reasons(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the words that say why, from wherever the two forms of an error have them."""
    error = document.get("error")
    if not isinstance(error, Mapping):
        return frozenset()
    entries = [entry for name in ("errors", "details") for entry in _list_of(error.get(name))]
    reasons = [entry.get("reason") for entry in entries if isinstance(entry, Mapping)]
    return frozenset(reason for reason in reasons if isinstance(reason, str))


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _refusal(status: int, reasons: frozenset[str]) -> ProviderError:
    """Source: developers.google.com/youtube/v3/docs/errors, 2026-11."""
    if reasons & _OUT_OF_QUOTA or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _error(ErrorCategory.RATE_LIMIT, f"{_SERVICE} has no quota left for us.", status, is_transient=True)
    if "API_KEY_INVALID" in reasons or "keyInvalid" in reasons:
        return _error(ErrorCategory.AUTH, f"{_SERVICE} does not know our key.", status)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _error(ErrorCategory.AUTH, f"{_SERVICE} refused our key.", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _error(
            ErrorCategory.PROVIDER_ERROR, f"{_SERVICE} is unavailable at the moment.", status, is_transient=True
        )
    if status == HTTPStatus.OK:
        message = f"{_SERVICE} sent an answer that could not be read."
        return _error(ErrorCategory.PROVIDER_ERROR, message, status, is_transient=True)
    return _error(ErrorCategory.PROVIDER_ERROR, f"{_SERVICE} rejected our request.", status)


def _error(category: ErrorCategory, message: str, status: int, *, is_transient: bool = False) -> ProviderError:
    return ProviderError(message, provider=PROVIDER, category=category, is_transient=is_transient, status=status)
