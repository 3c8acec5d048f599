"""The source of posts for platforms that have none yet."""

from collections.abc import Mapping, Sequence

from whyviral.core.calls import CallCollector
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.post_scraper import PostAsk, ScrapeFailure

_UNSUPPORTED = "Posts of this platform cannot be analysed yet."


class UnsupportedScraper:
    """Answers every post with `unsupported`, free of charge."""

    def __init__(self, *, calls: CallCollector) -> None:
        """Take what every scraper takes; no call is made."""

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapeFailure]:
        """Return a failure for each asked post."""
        return {ask.post_id: ScrapeFailure(ask.post_id, ErrorCategory.UNSUPPORTED, _UNSUPPORTED) for ask in asks}
