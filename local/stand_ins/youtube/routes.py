"""YouTube's own hosts: `/youtube/www/…` is www.youtube.com, `/youtube/media/…` is googlevideo.com."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from local.stand_ins.media.pictures import plain_picture
from local.stand_ins.scenario.posts import Platform
from local.stand_ins.state import StandIns, State
from local.stand_ins.youtube.page import initial_data, watch_page
from local.stand_ins.youtube.player import NO_VIDEO, player_answer
from local.stand_ins.youtube.sound import SOUND_ITAG, sound_of
from local.stand_ins.youtube.tabs import Tab, tab_page
from local.stand_ins.youtube.timedtext import json3
from local.stand_ins.youtube.video import Video

router = APIRouter(prefix="/youtube")
thumbnails_router = APIRouter(prefix="/media/i.ytimg.com")
_THUMBNAIL_SIZE = (480, 360)


@router.get("/www/watch")
async def get_watch_page(state: State, v: str = "") -> HTMLResponse:
    """Return the watch page, which exists even if the video does not."""
    return HTMLResponse(watch_page(find_video(state, v)))


@router.get("/www/channel/{channel_id}/{tab}")
async def get_channel_tab(state: State, channel_id: str, tab: Tab) -> Response:
    """Return the tab of a channel by the channel's id."""
    return _tab_page(state, [video for video in _all_videos(state) if video.channel_id == channel_id], tab)


@router.get("/www/@{name}/{tab}")
async def get_handle_tab(state: State, name: str, tab: Tab) -> Response:
    """Return the tab of a channel by the channel's handle."""
    handle = f"@{name.lower()}"
    return _tab_page(state, [video for video in _all_videos(state) if video.handle.lower() == handle], tab)


@router.post("/www/youtubei/v1/browse")
async def resolve_or_continue() -> Response:
    """Refuse every further page: no list here is longer than the first page."""
    return JSONResponse({"error": {"code": 404, "message": "Requested entity was not found."}}, 404)


@router.post("/www/youtubei/v1/player")
async def get_player(state: State, request: Request) -> dict[str, Any]:
    """Return the player's data about a video."""
    video = find_video(state, await _video_id(request))
    return NO_VIDEO if video is None else player_answer(video)


@router.post("/www/youtubei/v1/next")
async def get_next(state: State, request: Request) -> dict[str, Any]:
    """Return the watch page's data outside the player."""
    video = find_video(state, await _video_id(request))
    return {} if video is None else initial_data(video)


@router.get("/www/api/timedtext")
async def get_captions(state: State, v: str = "", lang: str = "", fmt: str = "srv1") -> Response:
    """Return captions in the format json3; another format and a track without lines have an empty body."""
    video = find_video(state, v)
    captions = video.captions if video else None
    if captions is None or captions.language != lang:
        return Response(status_code=404)
    if fmt != "json3" or not captions.segments:
        return Response(media_type="text/html")
    return JSONResponse(json3(captions))


@router.get("/media/videoplayback")
async def get_stream(state: State, request: Request, id: str = "", itag: int = 18) -> Response:  # noqa: A002 - as there
    """Return a video's file or its audio track, or the range of it that the request names."""
    video = find_video(state, id)
    content = video.file.content if video and video.file else None
    if content is not None and itag == SOUND_ITAG:
        content = sound_of(content)
    if content is None:
        return Response(status_code=403)
    start, end = _range(request.headers.get("range", ""), len(content))
    if start > end:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(content)}"})
    headers = {"accept-ranges": "bytes", "content-range": f"bytes {start}-{end}/{len(content)}"}
    is_part = "range" in request.headers
    return Response(content[start : end + 1], 206 if is_part else 200, headers if is_part else None, "video/mp4")


@router.get("/media/api/manifest/hls_variant/id/{video_id}/file/index.m3u8")
async def get_manifest(state: State, video_id: str) -> Response:
    """Return an empty manifest: the player's answer names one, but the stand-in serves only plain files."""
    if find_video(state, video_id) is None:
        return Response(status_code=404)
    return Response("#EXTM3U\n", media_type="application/vnd.apple.mpegurl")


@thumbnails_router.get("/vi/{video_id}/{name}.jpg")
async def get_thumbnail(state: State, video_id: str, name: str) -> Response:
    """Return the thumbnail of a video, or a plain picture, because on YouTube every video has a thumbnail."""
    video = find_video(state, video_id)
    if video is None or name == "maxresdefault":
        return Response(status_code=404)
    if video.picture is None:
        return Response(plain_picture(video_id, *_THUMBNAIL_SIZE), media_type="image/png")
    kind = "image/png" if video.picture.filename.endswith(".png") else "image/jpeg"
    return Response(video.picture.content, media_type=kind)


def _all_videos(state: StandIns) -> list[Video]:
    videos = [Video(post) for post in state.all_posts(Platform.YOUTUBE)]
    return sorted(videos, key=lambda video: video.post.posted_at, reverse=True)


def _tab_page(state: StandIns, videos: list[Video], tab: Tab) -> Response:
    creator = state.creators.find(Platform.YOUTUBE, videos[0].post.username) if videos else None
    if not videos or (creator is not None and (creator.is_gone or creator.is_private)):
        return Response(status_code=404)
    return HTMLResponse(tab_page(videos, tab))


def find_video(state: StandIns, video_id: str) -> Video | None:
    """Return the video with this id."""
    post = state.find_post(Platform.YOUTUBE, video_id)
    return None if post is None else Video(post)


async def _video_id(request: Request) -> str:
    body = await request.json()
    return str(body.get("videoId")) if isinstance(body, Mapping) else ""


def _range(header: str, size: int) -> tuple[int, int]:
    """Return the positions of the first and the last requested byte."""
    unit, _, part = header.partition("=")
    first, _, last = part.partition("-")
    if unit != "bytes" or not first.isdigit():
        return 0, size - 1
    return int(first), min(int(last), size - 1) if last.isdigit() else size - 1
