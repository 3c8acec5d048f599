from datetime import timedelta

import pytest
from sqlalchemy import Engine

from functions.scrape.fetching import PostFetcher, Source
from tests.fakes.clock import FakeClock
from tests.fakes.post_scraper import FakePostSource
from whyviral.core.money import NOTHING_TO_SPEND
from whyviral.social.platforms import Platform


def test_a_fetcher_that_lacks_a_platform_cannot_be_made(engine: Engine) -> None:
    clock = FakeClock()
    source = Source(FakePostSource(clock).build, is_stand_in=False)

    for platform in Platform:
        sources = {each: source for each in Platform if each is not platform}
        with pytest.raises(KeyError, match=platform):
            PostFetcher(engine, sources=sources, reuse_for=timedelta(hours=24), limits=NOTHING_TO_SPEND, clock=clock)
