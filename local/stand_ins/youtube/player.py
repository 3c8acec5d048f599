"""The player's answer about a video. Source: what yt-dlp 2026.10.26 reads, extractor/youtube/_video.py."""

from typing import Any

from local.stand_ins.youtube.sound import SOUND_ITAG, sound_of
from local.stand_ins.youtube.video import Video

type Json = dict[str, Any]

NO_VIDEO = {"playabilityStatus": {"status": "ERROR", "reason": "Video unavailable"}}


def player_answer(video: Video) -> Json:
    """Return the answer of `POST /youtubei/v1/player`; a video that cannot be played has no streams and no captions."""
    answer: Json = {
        "playabilityStatus": video.playability,
        "videoDetails": _details(video),
        "microformat": {"playerMicroformatRenderer": _microformat(video)},
    }
    if video.is_playable:
        answer["streamingData"] = _streams(video)
        if video.captions:
            answer["captions"] = {"playerCaptionsTracklistRenderer": {"captionTracks": [_track(video)]}}
    return answer | video.extras.player


def _details(video: Video) -> Json:
    post = video.post
    details: Json = {
        "videoId": post.id,
        "title": video.title,
        "lengthSeconds": str(round(video.duration_s)),
        "keywords": video.extras.tags,
        "channelId": video.channel_id,
        "shortDescription": video.description,
        "author": post.username,
        "isPrivate": False,
        "isLiveContent": video.extras.live is not None,
        "thumbnail": {"thumbnails": [_thumbnail(post.id, "hqdefault", 480, 360)]},
    }
    if video.extras.live:
        details["isLive" if video.extras.live == "now" else "isUpcoming"] = True
    if post.metrics.views is not None:
        details["viewCount"] = str(post.metrics.views)
    return details


def _thumbnail(video_id: str, name: str, width: int, height: int) -> Json:
    return {"url": f"https://i.ytimg.com/vi/{video_id}/{name}.jpg", "width": width, "height": height}


def _microformat(video: Video) -> Json:
    return {
        "publishDate": video.post.posted_at.isoformat(),
        "uploadDate": video.post.posted_at.isoformat(),
        "category": video.extras.category,
        "isFamilySafe": True,
        "isUnlisted": False,
        "isShortsEligible": video.is_short,
        "ownerProfileUrl": f"http://www.youtube.com/{video.handle}",
        "externalChannelId": video.channel_id,
    }


def _streams(video: Video) -> Json:
    """Return the formats of the file and of its audio track; a video without a file still has an address."""
    width, height = video.size
    stream: Json = {
        "itag": 18,
        "url": f"https://rr1---sn-standin.googlevideo.com/videoplayback?id={video.post.id}&itag=18",
        "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
        "width": width,
        "height": height,
        "qualityLabel": "360p",
        "approxDurationMs": str(round(video.duration_s * 1000)),
    }
    if video.file is not None:
        stream["contentLength"] = str(len(video.file.content))
        stream["bitrate"] = round(len(video.file.content) * 8 / max(video.duration_s, 1))
    audio_only = [_sound(stream, len(sound))] if video.file and (sound := sound_of(video.file.content)) else []
    manifest = f"https://manifest.googlevideo.com/api/manifest/hls_variant/id/{video.post.id}/file/index.m3u8"
    return {"expiresInSeconds": "21540", "formats": [stream], "adaptiveFormats": audio_only, "hlsManifestUrl": manifest}


def _sound(stream: Json, size: int) -> Json:
    """Return the audio-only format."""
    audio_format = {
        "itag": SOUND_ITAG,
        "url": stream["url"].replace("itag=18", f"itag={SOUND_ITAG}"),
        "contentLength": str(size),
    }
    return audio_format | {"mimeType": 'audio/mp4; codecs="mp4a.40.2"', "approxDurationMs": stream["approxDurationMs"]}


def _track(video: Video) -> Json:
    assert video.captions is not None  # noqa: S101 - called only for videos with captions
    language = video.captions.language
    query = f"v={video.post.id}&lang={language}" + ("&kind=asr" if video.captions.automatic else "")
    track: Json = {
        "baseUrl": f"https://www.youtube.com/api/timedtext?{query}",
        "name": {"runs": [{"text": language}]},
        "vssId": f"a.{language}" if video.captions.automatic else f".{language}",
        "languageCode": language,
        "isTranslatable": True,
    }
    return track | ({"kind": "asr"} if video.captions.automatic else {})
