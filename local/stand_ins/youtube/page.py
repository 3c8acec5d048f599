"""The watch page of a video. Source: what yt-dlp 2026.10.26 reads, extractor/youtube/_video.py."""

import json
from typing import Any

from local.stand_ins.youtube.player import NO_VIDEO, player_answer
from local.stand_ins.youtube.video import Video

type Json = dict[str, Any]


def watch_page(video: Video | None) -> str:
    """Return the page as HTML; the page of a video that does not exist is empty."""
    data = initial_data(video) if video else {"contents": {"twoColumnWatchNextResults": {"results": {}}}}
    values = {"ytInitialPlayerResponse": player_answer(video) if video else NO_VIDEO, "ytInitialData": data}
    scripts = "".join(f"<script>var {name} = {_for_script(value)};</script>" for name, value in values.items())
    return f"<!DOCTYPE html><html><body>{scripts}</body></html>"


def initial_data(video: Video) -> Json:
    """Return the page's data outside the player: likes, channel, number of comments, chapters, most replayed parts."""
    contents = [
        {"videoPrimaryInfoRenderer": _primary(video)},
        {"videoSecondaryInfoRenderer": {"owner": {"videoOwnerRenderer": _owner(video)}}},
    ]
    if not video.extras.are_comments_disabled and video.post.metrics.comments is not None:
        count = {"commentsEntryPointHeaderRenderer": {"commentCount": {"simpleText": str(video.post.metrics.comments)}}}
        contents.append({"itemSectionRenderer": {"contents": [count]}})
    data: Json = {"contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": contents}}}}}
    if video.extras.chapters:
        data["playerOverlays"] = {"playerOverlayRenderer": {"decoratedPlayerBarRenderer": _player_bar(video)}}
    if video.extras.heatmap:
        data["frameworkUpdates"] = {"entityBatchUpdate": {"mutations": [{"payload": _heatmap(video)}]}}
    return data


def _for_script(value: Json) -> str:
    return json.dumps(value).replace("</", "<\\/")


def _primary(video: Video) -> Json:
    likes = video.post.metrics.likes
    text = "I like this" if likes is None else f"like this video along with {likes:,} other people"
    button: Json = {"buttonViewModel": {"accessibilityText": text}}
    for name in ("defaultButtonViewModel", "toggleButtonViewModel", "toggleButtonViewModel"):
        button = {name: button}
    like = {"likeButtonViewModel": {"likeButtonViewModel": button}}
    return {
        "title": {"runs": [{"text": video.title}]},
        "videoActions": {"menuRenderer": {"topLevelButtons": [{"segmentedLikeDislikeButtonViewModel": like}]}},
    }


def _owner(video: Video) -> Json:
    endpoint = {"browseEndpoint": {"browseId": video.channel_id, "canonicalBaseUrl": f"/{video.handle}"}}
    owner: Json = {"title": {"runs": [{"text": video.post.username}]}, "navigationEndpoint": endpoint}
    if video.extras.followers is not None:
        owner["subscriberCountText"] = {"simpleText": f"{video.extras.followers} subscribers"}
    if video.extras.is_verified:
        owner["badges"] = [{"metadataBadgeRenderer": {"style": "BADGE_STYLE_TYPE_VERIFIED", "tooltip": "Verified"}}]
    return owner


def _player_bar(video: Video) -> Json:
    chapters = [
        {"chapterRenderer": {"title": {"simpleText": chapter.title}, "timeRangeStartMillis": chapter.start_s * 1000}}
        for chapter in video.extras.chapters
    ]
    return {"decoratedPlayerBarRenderer": {"playerBar": {"chapteredPlayerBarRenderer": {"chapters": chapters}}}}


def _heatmap(video: Video) -> Json:
    markers = [
        {
            "startMillis": str(round(peak.start_s * 1000)),
            "durationMillis": str(round((peak.end_s - peak.start_s) * 1000)),
            "intensityScoreNormalized": peak.value,
        }
        for peak in video.extras.heatmap
    ]
    return {"macroMarkersListEntity": {"markersList": {"markerType": "MARKER_TYPE_HEATMAP", "markers": markers}}}
