from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline


def test_a_request_has_a_display_name_once_its_posts_are_fetched(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    pipeline.source.posts["20"] = scraped_post("20", text="just setting up my twttr")
    job = pipeline.admit("404", "20")
    before = pipeline.read(job).display_name

    pipeline.fetch(job)

    assert (before, pipeline.read(job).display_name) == (None, "@jack: just setting up my twttr")


def test_a_request_without_a_fetched_post_has_no_display_name(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job = pipeline.admit("404")

    pipeline.fetch(job)

    assert pipeline.read(job).display_name is None
