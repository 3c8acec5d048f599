"""The release that this process runs, which every log line names."""

LOCAL_RELEASE = "local"
_SHOWN_CHARS = 12
"""A deployment's release is a hash of 64 characters. This many of them name it in a log line."""
_current = LOCAL_RELEASE


def set_release(release: str) -> None:
    """Set the release of this process."""
    global _current  # noqa: PLW0603 - one process runs one release
    _current = release[:_SHOWN_CHARS]


def current_release() -> str:
    """Return the release as log lines show it."""
    return _current
