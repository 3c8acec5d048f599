"""Posts that differ only in their ids, so that the result of one is the expected result of another."""

import base64
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from local.samples.make import SAMPLES
from tests.behaviour.system import System

_COMMENT = {"text": "Why does it fly?", "author": "invented.reader", "likes": 12, "posted_at": "2026-10-03T17:00:00Z"}
_CAPTIONS = {
    "language": "en",
    "automatic": False,
    "segments": [{"start_s": 0.4, "end_s": 3.1, "text": "Everybody told me that red kites do not fly."}],
}
_POST: Mapping[str, Any] = {
    "username": "invented",
    "metrics": {"likes": 1840, "comments": 1, "views": 52_000, "shares": 61},
    "posted_at": "2026-10-03T16:20:00Z",
    "comments": [_COMMENT],
}
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "x": {"platform": "x", "media": []},
    "x-picture": {"platform": "x", "media": [("image", "kite.png")]},
    "x-video": {"platform": "x", "media": [("video", "tweet-spoken.mp4")]},
    "x-videos": {"platform": "x", "media": [("video", "carousel-silent.mp4"), ("video", "tweet-spoken.mp4")]},
    "instagram": {"platform": "instagram", "media": [("image", "cover.jpg")]},
    "instagram-video": {"platform": "instagram", "media": [("video", "carousel-silent.mp4")]},
    "youtube": {
        "platform": "youtube",
        "media": [("image", "cover.jpg")],
        "captions": _CAPTIONS,
        "raw": {"duration_s": 754},
    },
}
_URLS = {
    "x": "https://x.com/invented/status/{}",
    "instagram": "https://www.instagram.com/p/{}/",
    "youtube": "https://www.youtube.com/watch?v={}",
}
_numbers = itertools.count(1)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_OF_ITS_OWN = frozenset(
    {
        *("id", "request_id", "created_at", "updated_at", "fetched_at"),
        *("cost_usd", "input_tokens", "output_tokens", "question_sha256"),
        *("claims", "evidence"),  # the facts that the model's stand-in cites depend on the whole prompt
    }
)
"""Fields that differ from one analysis to the next of the same post."""
_PROSE = re.compile(r"^Stand-in|\[inference\]\.$")
"""Texts by the model's stand-in; the facts that it quotes depend on the whole prompt, including its time."""
_AGEING = frozenset({"age", "engagements_per_hour", "views_per_hour"})
"""Facts that change while tests run."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A published post, whose text and therefore every prompt about it contain its id."""

    kind: str
    id: str

    @property
    def platform(self) -> str:
        """The post's platform."""
        return str(_KINDS[self.kind]["platform"])

    @property
    def url(self) -> str:
        """The post's URL."""
        return _URLS[self.platform].format(self.id)


def publish(system: System, kind: str) -> Twin:
    """Publish another post of a kind, and let the stand-ins record the calls about it."""
    number = next(_numbers)
    id_ = f"18{number:017d}" if _KINDS[kind]["platform"] == "x" else f"Htwin{number:06d}"
    twin = Twin(kind, id_)
    files = [_file(*file) for file in _KINDS[kind]["media"]]
    post = {**_POST, **_KINDS[kind], "id": id_, "text": f"The red one, up at last {id_}", "media": files}
    system.control.post("/__control/watched", json={"word": id_}).raise_for_status()
    system.control.post("/__control/posts", json=post).raise_for_status()
    return twin


def _file(kind: str, name: str) -> dict[str, str]:
    content = base64.b64encode((SAMPLES / name).read_bytes()).decode()
    return {"kind": kind, "filename": name, "file_base64": content}


def api_data_of(api: httpx.Client, twin: Twin, request: Mapping[str, Any]) -> Any:
    """Return the API's data about a post and its analysis, without the fields that differ between twins."""
    posts = api.get(f"/api/social/posts/analysis/{request['id']}/").raise_for_status().json()["results"]
    return _without_identity({"posts": posts, "analyses": request["post_analyses"]}, twin.id)


def _without_identity(data: Any, id_: str) -> Any:
    match data:
        case {"name": name, **fact} if name in _AGEING:
            return fact | {"value": None}
        case dict():
            return {name: _without_identity(value, id_) for name, value in data.items() if name not in _OF_ITS_OWN}
        case list():
            return [_without_identity(value, id_) for value in data]
        case str() if _PROSE.search(data):
            return "<prose>"
        case str():
            return _UUID.sub("<uuid>", data.replace(id_, "<post>"))
        case _:
            return data
