"""Environment settings of the scrape function."""

from datetime import timedelta

from pydantic import Field, SecretStr

from whyviral.analysis.creators.baseline_fetcher import BaselineMode
from whyviral.vendor_calls.settings import SpendingSettings


class ScrapeSettings(SpendingSettings):
    """Database access, the providers' keys, the spending limits and the time for which a fetched post is reused."""

    twitterapi_key: SecretStr
    twitterapi_requests_per_second: float = Field(default=3.0, gt=0, le=1000)
    """The rate that the key's tier allows: 0.2 without credit, 3 and more with it.

    Source: twitterapi.io/qps-limits, 2025-12.
    """
    brightdata_api_key: SecretStr
    youtube_api_key: SecretStr | None = None
    youtube_proxy_url: SecretStr | None = None
    """A secret, because the URL contains the proxy's password."""
    post_reuse_hours: int = 24
    baseline_mode: BaselineMode = BaselineMode.CHEAP

    @property
    def post_reuse(self) -> timedelta:
        """Return the age up to which a fetched post is reused without another paid call."""
        return timedelta(hours=self.post_reuse_hours)
