"""Records of Instagram posts in Bright Data's posts and reels datasets. Source: docs.brightdata.com, 2026-11."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.stand_ins.media.headers import duration_ms
from local.stand_ins.media.pictures import plain_picture
from local.stand_ins.scenario.posts import Post, PostFile, PostMediaKind

type Json = dict[str, Any]

_HOST = "scontent.cdninstagram.com"
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_POSTS_OF_PROFILE = 12
_COVER_SIZE = (360, 640)
_HASHTAG = re.compile(r"(?<!\w)#\w+")


def post_record(post: Post, *, url: str, links_live: timedelta) -> Json:
    """Return the record of the posts dataset, which covers photos, carousels and reels."""
    links = [_link(file, links_live) for file in post.media]
    photos = [link for file, link in zip(post.media, links, strict=True) if file.kind is PostMediaKind.IMAGE]
    videos = [link for file, link in zip(post.media, links, strict=True) if file.kind is not PostMediaKind.IMAGE]
    is_reel = bool(videos) and len(post.media) == 1
    record = _common(post, url, links_live) | {
        "url": f"https://www.instagram.com/{'reel' if is_reel else 'p'}/{post.id}/",
        "hashtags": _HASHTAG.findall(post.text) or None,
        "photos": photos or None,
        "photos_number": len(photos),
        "videos": videos or None,
        "videos_duration": [_seconds(file) for file in post.media if file.kind is not PostMediaKind.IMAGE] or None,
        "video_view_count": None if post.metrics.views is None or not videos else str(post.metrics.views),
        "video_play_count": post.metrics.views if videos else None,
        "engagement_score_view": None,
        "content_type": "Carousel" if len(post.media) > 1 else "Reel" if is_reel else "Image",
        "product_type": "clips" if is_reel else None if len(post.media) > 1 else "feed",
        "post_id": str(media_id(post.id)),
        "pk": str(media_id(post.id)),
        "content_id": post.id,
        "profile_url": f"https://www.instagram.com/{post.username}",
        "post_content": [
            {"index": index, "type": "Photo" if file.kind is PostMediaKind.IMAGE else "Video", "url": link}
            | {"id": str(_number(file.content))}
            for index, (file, link) in enumerate(zip(post.media, links, strict=True))
        ],
        "latest_comments": [_latest_comment(comment) for comment in post.comments] or None,
        "audio": {"audio_asset_id": None, "ig_artist_id": None, "ig_artist_username": None}
        | {"original_audio_title": None},
        "location": None,
        "alt_text": None,
        "discovery_input": None,
        "partnership_details": {"profile_id": None, "username": None, "profile_url": None},
    }
    return record | post.raw


def reel_record(post: Post, *, url: str, links_live: timedelta) -> Json | None:
    """Return the record of the reels dataset; None for a post that is not one video."""
    if len(post.media) != 1 or post.media[0].kind is PostMediaKind.IMAGE:
        return None
    (file,) = post.media
    seconds = _seconds(file)
    owned_id = f"{media_id(post.id)}_{_owner_id(post)}"
    record = _common(post, url, links_live) | {
        "url": f"https://www.instagram.com/p/{post.id}/",
        "hashtags": _HASHTAG.findall(post.text) or None,
        "views": post.metrics.views,
        "video_play_count": post.metrics.views,
        "top_comments": [_top_comment(comment) for comment in post.comments],
        "post_id": owned_id,
        "content_id": owned_id,
        "product_type": "clips",
        "length": None if seconds is None else str(seconds),
        "video_url": _link(file, links_live),
        "audio_url": None,
        "following": None,
        "user_profile_url": f"https://www.instagram.com/{post.username}",
    }
    return record | post.raw


def profile_record(username: str, posts: Sequence[Post], *, url: str, is_private: bool) -> Json:
    """Return the record of the profiles dataset, which lists the newest posts with their likes and without views."""
    return {
        "account": username,
        "id": str(_number(username.lower().encode()) % 10**10 + 1),
        "followers": 95_120,
        "posts_count": len(posts),
        "is_private": is_private,
        "is_verified": False,
        "posts": [_profile_post(post) for post in posts[:_POSTS_OF_PROFILE]] or None,
        "timestamp": _time(datetime.now(UTC)),
        "input": {"url": url},
    }


def _profile_post(post: Post) -> Json:
    is_reel = len(post.media) == 1 and post.media[0].kind is not PostMediaKind.IMAGE
    return {
        "id": str(media_id(post.id)),
        "url": f"https://www.instagram.com/{'reel' if is_reel else 'p'}/{post.id}/",
        "datetime": _time(post.posted_at),
        "caption": post.text,
        "likes": post.metrics.likes,
        "comments": post.metrics.comments,
        "content_type": "Video" if is_reel else "Carousel" if len(post.media) > 1 else "Photo",
        "is_pinned": False,
    }


def files_of(post: Post) -> Iterator[tuple[str, PostFile]]:
    """Yield each file of the post, cover included, with its path on Instagram's media hosts."""
    for file in post.media:
        yield _path(file), file
    if post.media and _cover(post) not in post.media:
        yield _path(_cover(post)), _cover(post)


def media_id(shortcode: str) -> int:
    """Return the number that a shortcode encodes in base 64. Source: yt-dlp 2026.10.26, extractor/instagram.py."""
    number = 0
    for digit in shortcode:
        number = number * 64 + _DIGITS.index(digit)
    return number


def _common(post: Post, url: str, links_live: timedelta) -> Json:
    return {
        "user_posted": post.username,
        "user_posted_id": _owner_id(post),
        "description": post.text or None,
        "num_comments": post.metrics.comments,
        "likes": post.metrics.likes,
        "date_posted": _time(post.posted_at),
        "shortcode": post.id,
        "coauthor_producers": [],
        "tagged_users": [],
        "thumbnail": _link(_cover(post), links_live) if post.media else None,
        "followers": None,
        "posts_count": None,
        "profile_image_link": None,
        "is_verified": False,
        "is_paid_partnership": False,
        "timestamp": _time(datetime.now(UTC)),
        "input": {"url": url},
        "_stand_in": {"is_stand_in": True, "approximate": post.approximate, "note": post.note},
    }


def _cover(post: Post) -> PostFile:
    """Return the cover of a post: its first image, or a plain picture for a video, which is not decoded here."""
    first = post.media[0]
    if first.kind is PostMediaKind.IMAGE:
        return first
    picture = base64.b64encode(plain_picture(post.id, *_COVER_SIZE)).decode()
    return PostFile(kind=PostMediaKind.IMAGE, filename="cover.png", file_base64=picture)


def _latest_comment(comment: Mapping[str, Any]) -> Json:
    posted_at = comment.get("posted_at")
    return {
        "comments": comment.get("text"),
        "user_commenting": comment.get("author"),
        "date_of_comment": posted_at[:10] if isinstance(posted_at, str) else None,
        "likes": comment.get("likes"),
        "profile_picture": None,
    }


def _top_comment(comment: Mapping[str, Any]) -> Json:
    likes = comment.get("likes")
    return {
        "user_commenting": comment.get("author"),
        "comment": comment.get("text"),
        "date_of_comment": comment.get("posted_at"),
        "likes": None if likes is None else str(likes),
        "num_replies": 0,
        "replies": [],
        "avatar": None,
    }


def _link(file: PostFile, links_live: timedelta) -> str:
    # oe is the link's expiry time in hexadecimal seconds. The other parameters only resemble a signature.
    expires_at = int((datetime.now(UTC) + links_live).timestamp())
    return f"https://{_HOST}{_path(file)}?_nc_ht={_HOST}&ccb=7-5&oh=00_Af{_key(file.content)[:8]}&oe={expires_at:X}"


def _path(file: PostFile) -> str:
    suffix = file.filename.rpartition(".")[2].lower() if "." in file.filename else "bin"
    folder = "v/t51.82787-15" if file.kind is PostMediaKind.IMAGE else "o1/v/t16/f2/m69"
    return f"/{folder}/{_key(file.content)}.{suffix}"


def _seconds(file: PostFile) -> float | None:
    length_ms = duration_ms(file.content)
    return None if length_ms is None else length_ms / 1000


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _owner_id(post: Post) -> str:
    return str(_number(post.username.lower().encode()) % 10**10 + 1)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


def _number(seed: bytes) -> int:
    return int.from_bytes(hashlib.sha256(seed).digest()[:8]) >> 1
