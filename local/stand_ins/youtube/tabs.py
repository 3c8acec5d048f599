"""The tabs of a channel. Source: what yt-dlp 2026.10.26 reads, extractor/youtube/_tab.py."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from local.stand_ins.youtube.video import Video

type Json = dict[str, Any]

_FIRST_PAGE = 30
_THOUSAND, _MILLION = 1_000, 1_000_000


class Tab(StrEnum):
    """The tabs that list videos."""

    VIDEOS = "videos"
    SHORTS = "shorts"
    STREAMS = "streams"


def tab_page(videos: Sequence[Video], tab: Tab) -> str:
    """Return the page of a tab; a channel without such videos shows its other tab, as YouTube does.

    Args:
        videos: every video of the channel, newest first; at least one.
        tab: the requested tab.
    """
    by_tab = {
        Tab.VIDEOS: [video for video in videos if not video.is_short],
        Tab.SHORTS: [video for video in videos if video.is_short],
        Tab.STREAMS: [],
    }
    shown = tab if by_tab[tab] else next(other for other in Tab if by_tab[other])
    channel = videos[0]
    data: Json = {
        "metadata": {
            "channelMetadataRenderer": {
                "title": channel.post.username,
                "externalId": channel.channel_id,
                "channelUrl": f"https://www.youtube.com/channel/{channel.channel_id}",
                "vanityChannelUrl": f"http://www.youtube.com/{channel.handle}",
                "ownerUrls": [f"http://www.youtube.com/{channel.handle}"],
            }
        },
        "contents": {
            "twoColumnBrowseResultsRenderer": {
                "tabs": [_tab(channel, other, by_tab[other], is_shown=other is shown) for other in Tab if by_tab[other]]
            }
        },
    }
    script = json.dumps(data).replace("</", "<\\/")
    return f"<!DOCTYPE html><html><body><script>var ytInitialData = {script};</script></body></html>"


def _tab(channel: Video, tab: Tab, videos: Sequence[Video], *, is_shown: bool) -> Json:
    renderer: Json = {
        "title": tab.capitalize(),
        "endpoint": {
            "commandMetadata": {"webCommandMetadata": {"url": f"/channel/{channel.channel_id}/{tab}"}},
            "browseEndpoint": {"browseId": channel.channel_id},
        },
    }
    if is_shown:
        items = [_short(video) if tab is Tab.SHORTS else _lockup(video) for video in videos[:_FIRST_PAGE]]
        contents = [{"richItemRenderer": {"content": item}} for item in items]
        renderer |= {"selected": True, "content": {"richGridRenderer": {"contents": contents}}}
    return {"tabRenderer": renderer}


def _lockup(video: Video) -> Json:
    views = "No views" if video.post.metrics.views is None else f"{_rounded(video.post.metrics.views)} views"
    age = _age(video.post.posted_at)
    parts = [{"text": {"content": views}}, {"text": {"content": age}}]
    row = {"metadataParts": [parts[0], parts[1] | {"accessibilityLabel": age}]}
    minutes, seconds = divmod(round(video.duration_s), 60)
    badge = {"thumbnailBadgeViewModel": {"text": f"{minutes}:{seconds:02}"}}
    overlay = {"thumbnailBottomOverlayViewModel": {"badges": [badge]}}
    return {
        "lockupViewModel": {
            "contentId": video.post.id,
            "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
            "contentImage": {"thumbnailViewModel": {"overlays": [overlay]}},
            "metadata": {
                "lockupMetadataViewModel": {
                    "title": {"content": video.title},
                    "metadata": {"contentMetadataViewModel": {"metadataRows": [row]}},
                }
            },
        }
    }


def _short(video: Video) -> Json:
    views = "No" if video.post.metrics.views is None else _rounded(video.post.metrics.views)
    return {
        "shortsLockupViewModel": {
            "entityId": f"shorts-shelf-item-{video.post.id}",
            "onTap": {"innertubeCommand": {"reelWatchEndpoint": {"videoId": video.post.id}}},
            "overlayMetadata": {
                "primaryText": {"content": video.title},
                "secondaryText": {"content": f"{views} views"},
            },
        }
    }


def _rounded(count: int) -> str:
    """Return a count as YouTube shows it: three digits, with K or M."""
    if count < _THOUSAND:
        return str(count)
    unit, letter = (_MILLION, "M") if count >= _MILLION else (_THOUSAND, "K")
    return f"{float(f'{count / unit:.3g}'):g}{letter}"


def _age(posted_at: datetime) -> str:
    days = max((datetime.now(UTC) - posted_at).days, 0)
    for name, length in (("year", 365), ("month", 30), ("week", 7)):
        if days >= length:
            number = days // length
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return f"{days} day{'' if days == 1 else 's'} ago"
