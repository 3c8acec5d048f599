from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.fakes.clock import FakeClock
from tests.fakes.post_scraper import FakePostSource
from whyviral.analysis.creators.baseline_fetcher import CHEAP
from whyviral.analysis.creators.handle_posts import HandlePosts
from whyviral.analysis.post_fetcher import PostFetcher, Source
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.money import NOTHING_TO_SPEND


def test_a_post_fetcher_needs_a_source_for_every_platform(engine: Engine) -> None:
    clock = FakeClock()
    handle_posts = HandlePosts(engine, sources={}, list_limits=CHEAP, limits=NOTHING_TO_SPEND, clock=clock)
    source = Source(FakePostSource(clock).build, is_stand_in=False)

    for platform in Platform:
        sources = {each: source for each in Platform if each is not platform}
        with pytest.raises(KeyError, match=platform):
            PostFetcher(
                engine,
                sources=sources,
                handle_posts=handle_posts,
                reuse_for=timedelta(hours=24),
                limits=NOTHING_TO_SPEND,
                clock=clock,
            )
