from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.fakes.clock import FakeClock
from tests.fakes.post_scraper import FakePostSource
from whyviral.analysis.post_fetcher import PostFetcher, Source
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.money import NOTHING_TO_SPEND


def test_a_fetcher_that_lacks_a_platform_cannot_be_made(engine: Engine) -> None:
    clock = FakeClock()
    source = Source(FakePostSource(clock).build, is_stand_in=False)

    for platform in Platform:
        sources = {each: source for each in Platform if each is not platform}
        with pytest.raises(KeyError, match=platform):
            PostFetcher(engine, sources=sources, reuse_for=timedelta(hours=24), limits=NOTHING_TO_SPEND, clock=clock)
