"""The hosts of YouTube that yt-dlp may ask, and which of their answers are media files."""

from urllib.parse import urlsplit

_DOMAIN = "youtube.com"
_FILES_DOMAIN = "googlevideo.com"
_FILES_PATH = "/videoplayback"


def is_youtube(url: str) -> bool:
    """Return whether `url` leads to a host of YouTube over TLS."""
    return any(_is_below(url, domain) for domain in (_DOMAIN, _FILES_DOMAIN))


def is_media_file(url: str) -> bool:
    """Return whether `url` is that of a media file; the same hosts serve manifests, which are small pages."""
    path = urlsplit(url).path
    return _is_below(url, _FILES_DOMAIN) and (path == _FILES_PATH or path.startswith(f"{_FILES_PATH}/"))


def _is_below(url: str, domain: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and (host == domain or host.endswith(f".{domain}"))
