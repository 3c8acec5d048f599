"""YouTube's Data API. Source: developers.google.com/youtube/v3/docs, 2026-11."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends

from local.stand_ins.scenario.posts import Platform
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import StandIns, State
from local.stand_ins.youtube.routes import find_video
from local.stand_ins.youtube.video import Video

type Json = dict[str, Any]

_STATUS_NAMES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
_MAX_IDS = 50
_PLAYLIST = re.compile(r"UU(SH|LF|LV|)([A-Za-z0-9_-]{22})")
_MAX_COMMENTS = 100


def error_body(status: int, reason: str = "backendError", message: str = "The request failed.") -> Mapping[str, Any]:
    """Return an error in the form of Google's APIs."""
    error = {"message": message, "domain": "youtube", "reason": reason}
    return {
        "error": {
            "code": status,
            "message": message,
            "errors": [error],
            "status": _STATUS_NAMES.get(status, "INTERNAL"),
        }
    }


async def _require_key(key: str = "") -> None:
    if not key:
        message = (
            "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity."
        )
        raise Refusal(403, error_body(403, "forbidden", message))
    if key == "bad-key":
        invalid = dict(error_body(400, "badRequest", "API key not valid. Please pass a valid API key.")["error"])
        raise Refusal(400, {"error": invalid | {"details": [{"reason": "API_KEY_INVALID"}]}})


router = APIRouter(prefix="/youtube/data/v3", dependencies=[Depends(_require_key)])


@router.get("/videos")
async def list_videos(state: State, id: str = "") -> Json:  # noqa: A002 - YouTube's own name
    """Return the requested videos that are public."""
    video_ids = id.split(",")
    if not id or len(video_ids) > _MAX_IDS:
        raise Refusal(400, error_body(400, "invalidFilters", "The request specifies an invalid filter parameter."))
    videos = [video for video_id in video_ids if (video := find_video(state, video_id))]
    public = [video for video in videos if video.extras.playability.get("status", "OK") != "ERROR"]
    return {"kind": "youtube#videoListResponse", "items": [_video(video) for video in public]}


@router.get("/channels")
async def list_channels(state: State, id: str = "", forHandle: str = "") -> Json:  # noqa: A002, N803 - YouTube's own names
    """Return the requested channels; each has at least one post here. An unknown handle has no `items` at all."""
    videos = [Video(post) for post in state.all_posts(Platform.YOUTUBE)]
    if forHandle:
        wanted = [video for video in videos if video.handle.lower() == forHandle.lower()]
        found = [_channel(video) for video in wanted if not _is_hidden(state, video)][:1]
        return {"kind": "youtube#channelListResponse"} | ({"items": found} if found else {})
    channels = {video.channel_id: _channel(video) for video in videos if video.channel_id in id.split(",")}
    return {"kind": "youtube#channelListResponse", "items": list(channels.values())}


@router.get("/playlistItems")
async def list_playlist(state: State, playlistId: str = "", maxResults: int = 5) -> Json:  # noqa: N803 - YouTube's own names
    """Return the uploads of a channel: all of them, or with UUSH, UULF and UULV in place of UU those of one kind."""
    match = _PLAYLIST.fullmatch(playlistId)
    own = [Video(post) for post in state.all_posts(Platform.YOUTUBE)]
    own = [video for video in own if match and video.channel_id == f"UC{match[2]}" and not _is_hidden(state, video)]
    kind = match[1] if match else ""
    if kind:
        own = [video for video in own if kind != "LV" and video.is_short == (kind == "SH")]
    if not own:
        raise Refusal(404, error_body(404, "playlistNotFound", "The playlist cannot be found."))
    own.sort(key=lambda video: video.post.posted_at, reverse=True)
    items = [{"contentDetails": {"videoId": video.post.id}} for video in own[: min(maxResults, _MAX_IDS)]]
    return {"kind": "youtube#playlistItemListResponse", "items": items}


def _is_hidden(state: StandIns, video: Video) -> bool:
    creator = state.creators.find(Platform.YOUTUBE, video.post.username)
    return creator is not None and (creator.is_gone or creator.is_private)


@router.get("/commentThreads")
async def list_comments(state: State, videoId: str = "", maxResults: int = 20) -> Json:  # noqa: N803 - YouTube's own names
    """Return the comments of a video."""
    video = find_video(state, videoId)
    if video is None:
        raise Refusal(404, error_body(404, "videoNotFound", "The video could not be found."))
    if video.extras.are_comments_disabled:
        raise Refusal(403, error_body(403, "commentsDisabled", "The video has disabled comments."))
    comments = video.post.comments[: min(maxResults, _MAX_COMMENTS)]
    threads = [_thread(video, number, comment) for number, comment in enumerate(comments)]
    return {"kind": "youtube#commentThreadListResponse", "items": threads}


def _video(video: Video) -> Json:
    post, extras = video.post, video.extras
    comments = None if extras.are_comments_disabled else post.metrics.comments
    counts = {"viewCount": post.metrics.views, "likeCount": post.metrics.likes, "commentCount": comments}
    item: Json = {
        "kind": "youtube#video",
        "id": post.id,
        "snippet": {
            "publishedAt": post.posted_at.isoformat().replace("+00:00", "Z"),
            "channelId": video.channel_id,
            "title": video.title,
            "description": video.description,
            "thumbnails": {"high": {"url": f"https://i.ytimg.com/vi/{post.id}/hqdefault.jpg"}},
            "channelTitle": post.username,
            "tags": extras.tags,
            "categoryId": extras.category_id,
            "liveBroadcastContent": {"now": "live", "upcoming": "upcoming", None: "none"}[extras.live],
        },
        "statistics": {name: str(count) for name, count in counts.items() if count is not None},
        "contentDetails": {"duration": f"PT{round(video.duration_s)}S", "definition": "hd"},
        "status": {"privacyStatus": "public"},
    }
    if extras.speech_language:
        item["snippet"]["defaultAudioLanguage"] = extras.speech_language
    return item | extras.data_api


def _channel(video: Video) -> Json:
    followers = video.extras.followers
    hidden: Json = {"hiddenSubscriberCount": followers is None}
    return {
        "kind": "youtube#channel",
        "id": video.channel_id,
        "snippet": {"title": video.post.username, "customUrl": video.handle},
        "statistics": hidden if followers is None else hidden | {"subscriberCount": str(followers)},
    }


def _thread(video: Video, number: int, comment: Mapping[str, Any]) -> Json:
    snippet = {
        "textDisplay": comment.get("text"),
        "authorDisplayName": f"@{comment.get('author')}",
        "likeCount": comment.get("likes"),
        "publishedAt": comment.get("posted_at"),
    }
    top = {"kind": "youtube#comment", "id": f"{video.post.id}-{number}", "snippet": snippet}
    return {
        "kind": "youtube#commentThread",
        "id": top["id"],
        "snippet": {"videoId": video.post.id, "topLevelComment": top, "totalReplyCount": 0},
    }
