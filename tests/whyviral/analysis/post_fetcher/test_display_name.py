from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline


def test_a_request_is_named_as_soon_as_its_posts_are_known(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    pipeline.source.posts["20"] = scraped_post("20", text="just setting up my twttr")
    job = pipeline.admit("404", "20")
    before = pipeline.read(job).display_name

    pipeline.fetch(job)

    assert (before, pipeline.read(job).display_name) == (None, "@jack: just setting up my twttr")


def test_a_request_without_a_readable_post_has_no_name(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job = pipeline.admit("404")

    pipeline.fetch(job)

    assert pipeline.read(job).display_name is None
