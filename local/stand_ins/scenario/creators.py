"""Creators with many invented posts, whose counts vary as those of real creators do."""

import base64
import hashlib
import math
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import Field

from local.stand_ins.media.pictures import plain_picture
from local.stand_ins.scenario.orders import Order
from local.stand_ins.scenario.posts import SAMPLES, Platform, Post, PostMediaKind

_X_EPOCH_MS = 1288834974657
"""Source: the ids of X count milliseconds since then, shifted by 22 bits."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FIRST_DAY, _DAYS_APART = 9, 3
_BEST_POST = 5
_SHORT_S, _LONG_S = 45.0, 400.0
_SIZE = (320, 320)
_TEXTS = (
    "A kite over the harbour",
    "How we fold the paper",
    "Three knots that hold",
    "The wind at six in the morning",
    "What a storm does to silk",
)


class Creator(Order):
    """A creator of a platform and the posts that are invented for it."""

    platform: Platform
    username: str
    posts: Annotated[int, Field(ge=0, le=60)] = 34
    median: Annotated[int, Field(ge=0, le=10**9)] = 10_000
    """The median of the views."""
    spread: Annotated[float, Field(ge=0, le=3, allow_inf_nan=False)] = 1.0
    """The standard deviation of the natural logarithm of the views."""
    best_ratio: Annotated[float, Field(ge=0, le=10**4, allow_inf_nan=False)] = 12.0
    """The views of one post, as a multiple of `median`."""
    is_private: bool = False
    is_gone: bool = False

    @property
    def key(self) -> tuple[Platform, str]:
        """The platform and the name, without regard to case."""
        return self.platform, self.username.lower()

    def invent(self, *, now: datetime) -> list[Post]:
        """Return the creator's posts, newest first; the same ones on each call of a day."""
        chance = random.Random(f"{self.platform} {self.username.lower()}")  # noqa: S311 - invented counts are no secrets
        noon = now.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        return [self._post(number, noon, chance) for number in range(self.posts)]

    def _post(self, number: int, noon: datetime, chance: random.Random) -> Post:
        factor = math.exp(chance.gauss(0, self.spread))
        views = round(self.median * (self.best_ratio if number == _BEST_POST else factor))
        posted_at = noon - timedelta(days=_FIRST_DAY + _DAYS_APART * number, hours=chance.randint(0, 4))
        text = f"{_TEXTS[number % len(_TEXTS)]}, number {number + 1}."
        counts = {"likes": views // 25, "comments": views // 400, "views": views, "shares": views // 900}
        post = {
            "platform": self.platform,
            "id": self._id(number, posted_at),
            "username": self.username,
            "text": text,
            "metrics": counts,
            "posted_at": posted_at.isoformat(),
        }
        return Post.model_validate(post | self._content(number, text))

    def _content(self, number: int, text: str) -> dict[str, Any]:
        """Return what differs by platform: half of the videos are Shorts, half of the posts of Instagram reels."""
        if self.platform is Platform.YOUTUBE:
            is_short = number % 2 == 1
            captions = {"language": "en", "segments": [{"start_s": 0.5, "end_s": 3.5, "text": text}]}
            duration_s = _SHORT_S if is_short else _LONG_S
            return {"captions": captions, "raw": {"is_short": is_short, "duration_s": duration_s}}
        if self.platform is Platform.INSTAGRAM:
            return {"media": [_silent_reel() if number % 2 else _photo(text)]}
        return {}

    def _id(self, number: int, posted_at: datetime) -> str:
        digest = hashlib.sha256(f"{self.username.lower()} {number}".encode()).digest()
        if self.platform is Platform.X:
            return str((int(posted_at.timestamp() * 1000) - _X_EPOCH_MS << 22) + int.from_bytes(digest[:2]))
        # Ten characters keep an id of Instagram within 63 bits.
        letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[1:11])
        return f"B{letters}"


def _photo(text: str) -> dict[str, str]:
    picture = base64.b64encode(plain_picture(text, *_SIZE)).decode()
    return {"kind": PostMediaKind.IMAGE, "filename": "photo.png", "file_base64": picture}


@cache
def _silent_reel() -> dict[str, str]:
    content = base64.b64encode((SAMPLES / "carousel-silent.mp4").read_bytes()).decode()
    return {"kind": PostMediaKind.VIDEO, "filename": "reel.mp4", "file_base64": content}


class CreatorShelf:
    """The creators by platform and name, with their posts."""

    def __init__(self) -> None:
        self._creators: dict[tuple[Platform, str], Creator] = {}
        self._posts: dict[tuple[Platform, str], list[Post]] = {}
        self._by_id: dict[tuple[Platform, str], Post] = {}

    def put(self, creator: Creator, *, now: datetime | None = None) -> list[Post]:
        """Add a creator with posts; replaces an earlier one with its name."""
        posts = creator.invent(now=now or datetime.now(UTC))
        self._creators[creator.key] = creator
        self._posts[creator.key] = posts
        self._by_id |= {(post.platform, post.id): post for post in posts}
        return posts

    def clear(self) -> None:
        """Remove every creator."""
        for rows in (self._creators, self._posts, self._by_id):
            rows.clear()

    def find(self, platform: Platform, username: str) -> Creator | None:
        """Return the creator with this name."""
        return self._creators.get((platform, username.lower()))

    def names(self, platform: Platform) -> list[str]:
        """Return the names of the creators of a platform."""
        return [creator.username for creator in self._creators.values() if creator.platform is platform]

    def posts_of(self, platform: Platform, username: str) -> list[Post]:
        """Return the invented posts of a creator, newest first."""
        return self._posts.get((platform, username.lower()), [])

    def find_post(self, platform: Platform, post_id: str) -> Post | None:
        """Return an invented post by its id."""
        return self._by_id.get((platform, post_id))

    def all_posts(self, platform: Platform) -> list[Post]:
        """Return the invented posts of a platform."""
        return [post for (own, _), post in self._by_id.items() if own is platform]
