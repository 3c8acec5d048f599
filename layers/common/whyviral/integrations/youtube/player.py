"""The player's answer about a video: whether YouTube plays it, which decides before any text does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

PLAYER_PATH = "/youtubei/v1/player"
_OK = "OK"
_MANIFESTS = ("hlsManifestUrl", "dashManifestUrl")


@dataclass(slots=True)
class PlayerAnswers:
    """What the player said of one video; yt-dlp asks as several clients, and one that plays it is enough.

    Source: yt-dlp 2026.10.26, extractor/youtube/_video.py, which reads the same fields and keeps them to itself.
    """

    statuses: list[str] = field(default_factory=list)
    has_manifest: bool = False
    """Whether a list of streams was named, which is not read: the audio is loaded from a plain file."""

    @property
    def refused_status(self) -> str | None:
        """The `playabilityStatus` with which YouTube refused the video; None if it plays, or did not answer."""
        return None if _OK in self.statuses else next(iter(self.statuses), None)

    def add(self, body: bytes) -> None:
        """Read one answer; a body that is no such answer adds nothing."""
        try:
            document = parse_untrusted_json(body)
        except NotJson:
            return
        status = _mapping(_mapping(document).get("playabilityStatus")).get("status")
        if isinstance(status, str) and status:
            self.statuses.append(status)
        streams = _mapping(_mapping(document).get("streamingData"))
        self.has_manifest = self.has_manifest or any(streams.get(name) for name in _MANIFESTS)

    def clear(self) -> None:
        """Forget the answers about the video before."""
        self.statuses.clear()
        self.has_manifest = False


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
