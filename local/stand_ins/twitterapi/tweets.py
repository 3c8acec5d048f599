"""Posts in the form of TwitterAPI.io. Source: docs.twitterapi.io, 2026-11."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local.stand_ins.media.headers import duration_ms, picture_size
from local.stand_ins.media.pictures import plain_picture
from local.stand_ins.scenario.posts import Post, PostFile, PostMediaKind

type Json = dict[str, Any]

_FIRST_DAY_OF_X = datetime(2006, 3, 21, tzinfo=UTC)
_POSTER_SIZE = (320, 180)
_LINK = re.compile(r"https?://[!-~]+")
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_MENTION = re.compile(r"(?<!\w)@(\w{1,20})")
_MEDIA_TYPES = {PostMediaKind.IMAGE: "photo", PostMediaKind.VIDEO: "video", PostMediaKind.GIF: "animated_gif"}


def tweet(post: Post) -> Json:
    """Return the tweet object, which the field `_stand_in` marks as a stand-in's."""
    text, links = _shortened(post.text)
    # X appends one short link to all media of a post to its text.
    link = f"https://t.co/{_key(post.media[0].content)[:10]}" if post.media else None
    fields: Json = {
        "type": "tweet",
        "id": post.id,
        "url": f"https://x.com/{post.username}/status/{post.id}",
        "twitterUrl": f"https://twitter.com/{post.username}/status/{post.id}",
        "text": f"{text} {link}".strip() if link else text,
        "source": "Twitter Web App",
        "retweetCount": post.metrics.shares,
        "replyCount": post.metrics.comments,
        "likeCount": post.metrics.likes,
        "quoteCount": 0,
        "viewCount": post.metrics.views,
        "createdAt": _x_time(post.posted_at),
        "lang": "und",
        "bookmarkCount": 0,
        "isReply": False,
        "inReplyToId": None,
        "conversationId": post.id,
        "displayTextRange": [0, len(post.text)],
        "inReplyToUserId": None,
        "inReplyToUsername": None,
        "author": account(post.username, media=len(post.media), posted_at=post.posted_at),
        "extendedEntities": {"media": [_medium(post, file, link) for file in post.media]} if post.media else {},
        "card": None,
        "place": {},
        "entities": _entities(post.text) | ({"urls": links} if links else {}),
        "quoted_tweet": None,
        "retweeted_tweet": None,
        "isLimitedReply": False,
        "_stand_in": {"is_stand_in": True, "approximate": post.approximate, "note": post.note},
    }
    return _merged(fields, post.raw)


def replies(post: Post, *, best_first: bool) -> list[Json]:
    """Return the comments of a post as reply tweets, most liked first or newest first."""
    tweets = [_reply(post, number, comment) for number, comment in enumerate(post.comments, start=1)]
    return sorted(tweets, key=lambda reply: reply["likeCount"], reverse=True) if best_first else tweets[::-1]


def _reply(post: Post, number: int, comment: Mapping[str, Any]) -> Json:
    posted_at = comment.get("posted_at")
    return {
        "type": "tweet",
        "id": str(_number(f"{post.id} {number}") % 10**18 + 1),
        "text": f"@{post.username} {html.escape(str(comment.get('text', '')), quote=False)}",
        "likeCount": comment.get("likes") or 0,
        "createdAt": _x_time(datetime.fromisoformat(str(posted_at)) if posted_at else post.posted_at),
        "isReply": True,
        "inReplyToId": post.id,
        "inReplyToUsername": post.username,
        "conversationId": post.id,
        "author": {"type": "user", "userName": comment.get("author") or "unknown", "name": comment.get("author")},
    }


def files_of(post: Post) -> Iterator[tuple[str, PostFile]]:
    """Yield each file of the post, and each video's poster, with its path on X's media hosts."""
    for file in post.media:
        yield _media_path(file), file
        if file.kind is not PostMediaKind.IMAGE:
            # A plain picture, because no video is decoded here.
            picture = base64.b64encode(plain_picture(file.filename, *_POSTER_SIZE)).decode()
            yield _poster_path(file), PostFile(kind=PostMediaKind.IMAGE, filename="poster.png", file_base64=picture)


def _merged(fields: Json, raw: Mapping[str, Any]) -> Json:
    merged = dict(fields)
    for name, value in raw.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _x_time(moment: datetime) -> str:
    return moment.strftime("%a %b %d %H:%M:%S +0000 %Y")


def repost(post: Post) -> Json:
    """Return a repost by the author of a post, which is not the author's own."""
    other = post.model_copy(update={"username": "someone_else"})
    repeated = tweet(other)
    return tweet(post) | {
        "id": account_id(post.id),
        "text": f"RT @someone_else: {post.text}",
        "retweeted_tweet": repeated,
    }


def account_id(username: str) -> str:
    """Return the numeric id of an account."""
    return str(_number(username.lower()) % 10**10 + 1)


def account(username: str, *, media: int = 0, posted_at: datetime | None = None) -> Json:
    """Return the account object."""
    return {
        "type": "user",
        "userName": username,
        "url": f"https://x.com/{username}",
        "twitterUrl": f"https://twitter.com/{username}",
        "id": account_id(username),
        "name": username,
        "isVerified": False,
        "isBlueVerified": False,
        "verifiedType": None,
        "profilePicture": "",
        "coverPicture": "",
        "description": "",
        "location": "",
        "followers": 0,
        "following": 0,
        "status": "",
        "canDm": False,
        "canMediaTag": True,
        "createdAt": _x_time(posted_at or _FIRST_DAY_OF_X),
        "entities": {"description": {"urls": []}, "url": {}},
        "fastFollowersCount": 0,
        "favouritesCount": 0,
        "hasCustomTimelines": False,
        "isTranslator": False,
        "mediaCount": media,
        "statusesCount": 1,
        "withheldInCountries": [],
        "affiliatesHighlightedLabel": {},
        "possiblySensitive": False,
        "pinnedTweetIds": [],
        "profile_bio": {"description": "", "entities": {"description": {}}},
        "isAutomated": False,
        "automatedBy": None,
    }


def _shortened(text: str) -> tuple[str, list[Json]]:
    """Return the text in X's form, escaped and with short links, and the real addresses of the links."""
    links = [
        {"url": f"https://t.co/{_key(found.encode())[:10]}", "expanded_url": found} for found in _LINK.findall(text)
    ]
    for link in links:
        text = text.replace(link["expanded_url"], link["url"])
    return html.escape(text, quote=False), links


def _entities(text: str) -> Json:
    found = {
        "hashtags": [{"text": match[1], "indices": list(match.span())} for match in _HASHTAG.finditer(text)],
        "user_mentions": [
            {"id_str": str(_number(match[1].lower()) % 10**10 + 1), "name": match[1], "screen_name": match[1]}
            | {"indices": list(match.span())}
            for match in _MENTION.finditer(text)
        ],
    }
    return {name: entities for name, entities in found.items() if entities}


def _medium(post: Post, file: PostFile, link: str | None) -> Json:
    kind = _MEDIA_TYPES[file.kind]
    number = str(_number(file.content) % 10**19)
    path = _media_path(file)
    width, height = picture_size(file.content) or (0, 0)
    medium: Json = {
        "id_str": number,
        "media_key": f"{'3' if kind == 'photo' else '13'}_{number}",
        "type": kind,
        "media_url_https": f"https://pbs.twimg.com{path if kind == 'photo' else _poster_path(file)}",
        "url": link,
        "display_url": f"pic.x.com/{_key(file.content)[:10]}",
        "expanded_url": f"https://x.com/{post.username}/status/{post.id}/{'photo' if kind == 'photo' else 'video'}/1",
        "indices": [len(post.text) + 1, len(post.text) + 1 + len(link or "")],
        "original_info": {"width": width, "height": height, "focus_rects": []},
        "sizes": {"large": {"w": width, "h": height, "resize": "fit"}},
        "ext_media_availability": {"status": "Available"},
    }
    if file.kind is not PostMediaKind.IMAGE:
        medium["video_info"] = _video_info(file, f"https://video.twimg.com{path}")
    return medium


def _video_info(file: PostFile, url: str) -> Json:
    is_silent = file.kind is PostMediaKind.GIF
    length_ms = duration_ms(file.content)
    # X gives an animated picture no duration and a bitrate of zero.
    bitrate = 0 if is_silent or not length_ms else len(file.content) * 8 * 1000 // length_ms
    info: Json = {"variants": [{"bitrate": bitrate, "content_type": "video/mp4", "url": url}]}
    if length_ms and not is_silent:
        info["duration_millis"] = length_ms
    return info


def _media_path(file: PostFile) -> str:
    suffix = file.filename.rpartition(".")[2].lower() if "." in file.filename else "bin"
    folder = "media" if file.kind is PostMediaKind.IMAGE else "amplify_video"
    return f"/{folder}/{_key(file.content)}.{suffix}"


def _poster_path(file: PostFile) -> str:
    return f"/amplify_video_thumb/{_number(file.content) % 10**19}.jpg"


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:15]


def _number(seed: str | bytes) -> int:
    encoded = seed.encode() if isinstance(seed, str) else seed
    return int.from_bytes(hashlib.sha256(encoded).digest()[:8])
