"""Posts with images, video and speech, from their URLs to the measurements and transcripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import jiwer
import pytest

from local.demo import SAMPLE_URLS
from local.samples.make import SAMPLES, spoken_text
from tests.behaviour.recovery.troubled_system import TroubledSystem
from tests.behaviour.system import System

_HIGHEST_WORD_ERROR_RATE = 0.15
_WORDS = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.SubstituteWords({"mr.": "mister", "mr": "mister"}),
        jiwer.SubstituteRegexes({r"[-\u2013\u2014]": " "}),
        jiwer.RemovePunctuation(),  # type: ignore[no-untyped-call]  # jiwer has no types
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


@dataclass(frozen=True, slots=True)
class Analysed:
    """The sample posts, analysed in one call."""

    requests: Mapping[str, dict[str, Any]]
    """By platform."""
    posts: Mapping[str, dict[str, Any]]
    """The posts of the social list, by platform post id."""

    def analysis(self, post_id: str) -> dict[str, Any]:
        """Return the analysis of a post."""
        row_id = self.posts[post_id]["id"]
        return next(
            analysis
            for request in self.requests.values()
            for analysis in request["post_analyses"]
            if analysis["post_id"] == row_id
        )

    def media(self, post_id: str) -> list[dict[str, Any]]:
        """Return the media of a post."""
        media: list[dict[str, Any]] = self.posts[post_id]["media"]
        return media


@pytest.fixture(scope="module")
def analysed(troubled: TroubledSystem) -> Analysed:
    troubled.cancel_faults()
    running_system = troubled.system
    accepted = running_system.api.post("/api/analysis/analyze/", json={"post_urls": SAMPLE_URLS})
    assert accepted.status_code == 202, accepted.text
    requests = {request["platform"]: running_system.wait_for(request["id"]) for request in accepted.json()["requests"]}
    posts = {
        post["url"].rstrip("/").rpartition("/")[2].rpartition("=")[2]: post
        for request in requests.values()
        for post in running_system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    }
    return Analysed(requests, posts)


def word_error_rate(said: str, heard: str) -> float:
    return float(jiwer.wer(said, heard, reference_transform=_WORDS, hypothesis_transform=_WORDS))


def test_posts_of_all_three_platforms_are_analysed(analysed: Analysed) -> None:
    ends = {platform: (request["status"], request["error"]) for platform, request in analysed.requests.items()}

    assert ends == dict.fromkeys(("instagram", "x", "youtube"), ("COMPLETED", None))
    assert len(analysed.posts) == len(SAMPLE_URLS)
    assert sum(len(request["post_analyses"]) for request in analysed.requests.values()) == len(SAMPLE_URLS)


def test_posts_are_scored(analysed: Analysed) -> None:
    assert 0 < analysed.posts["Hinvent0003"]["engagement_score"] <= 100


def test_requests_are_named_after_their_posts(analysed: Analysed) -> None:
    assert analysed.requests["x"]["display_name"] == "@jack, @invented_kites and 1 more"


@pytest.mark.parametrize(
    ("post_id", "filename"),
    [
        ("Hinvent0003", "reel-spoken.mp4"),
        ("9000000000000000003", "tweet-spoken.mp4"),
        ("invented-S1", "short-spoken.mp4"),
    ],
)
def test_speech_is_transcribed(analysed: Analysed, post_id: str, filename: str) -> None:
    post = analysed.posts[post_id]

    assert post["has_speech"] is True
    assert word_error_rate(spoken_text(filename), post["transcript"]) <= _HIGHEST_WORD_ERROR_RATE
    [video] = [medium for medium in post["media"] if medium["kind"] == "video"]
    assert (video["language"], video["transcript_source"]) == ("en", "whisper")
    assert post["formatted_transcript"].startswith("[0:0")


@pytest.mark.parametrize("post_id", ["Hinvent0004", "invented-M1"])
def test_music_is_not_transcribed_as_speech(analysed: Analysed, post_id: str) -> None:
    post = analysed.posts[post_id]

    assert (post["has_speech"], post["transcript"] or "") == (False, "")


def test_a_silent_video_has_no_speech(analysed: Analysed) -> None:
    kinds = [medium["kind"] for medium in analysed.media("Hinvent0002") if medium["kind"] != "thumbnail"]

    assert kinds == ["image", "video", "image"]
    assert analysed.posts["Hinvent0002"]["has_speech"] in (False, None)
    assert not analysed.posts["Hinvent0002"]["transcript"]


@pytest.mark.parametrize(
    ("post_id", "filename"),
    [("Hinvent0001", "photo.jpg"), ("9000000000000000002", "kite.png"), ("Hinvent0003", "reel-spoken.mp4")],
)
def test_media_are_stored_unchanged(analysed: Analysed, post_id: str, filename: str) -> None:
    medium = analysed.media(post_id)[0]

    stored = httpx.get(medium["supabase_url"])

    assert stored.content == (SAMPLES / filename).read_bytes()
    assert stored.headers["content-type"] == medium["content_type"]


def test_a_video_has_a_thumbnail_and_key_frames(analysed: Analysed) -> None:
    [video] = [medium for medium in analysed.media("Hinvent0003") if medium["kind"] == "video"]

    pictures = [httpx.get(url).content for url in [video["thumbnail_url"], *(each["url"] for each in video["frames"])]]

    assert 1 < len(pictures) <= 9
    assert all(picture.startswith(b"\xff\xd8\xff") for picture in pictures)
    assert len(pictures[0]) < 50_000
    times = [frame["at_s"] for frame in video["frames"]]
    assert times == sorted(times)
    assert times[0] < 1


def facts_of(analysis: Mapping[str, Any]) -> dict[str, Any]:
    return {fact["name"]: fact["value"] for fact in analysis["metadata_used"]["facts"]}


def test_images_and_sound_are_measured(analysed: Analysed) -> None:
    facts = facts_of(analysed.analysis("Hinvent0003"))

    assert facts["cut_count"] == 2  # three scenes
    assert 11 < facts["duration"] < 12
    assert -40 < facts["loudness"] < -5
    assert facts["spoken_hook"].lower().replace("mr.", "mister").startswith("and mister john")


def sent(analysis: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [(medium["kind"], medium["how"]) for medium in analysis["metadata_used"]["media_sent"]]


def test_the_model_receives_the_media_of_the_post(analysed: Analysed) -> None:
    assert sent(analysed.analysis("Hinvent0001")) == [("image", "inline")]
    assert ("image", "inline") in sent(analysed.analysis("9000000000000000002"))
    assert {how for _, how in sent(analysed.analysis("Hinvent0003"))} == {"inline"}
    assert ("video", "url") in sent(analysed.analysis("invented-L1"))
    assert sent(analysed.analysis("20")) == []


def test_captions_are_used_if_they_exist(system: System) -> None:
    request = system.analyse("https://www.youtube.com/watch?v=invented-L1")

    assert request["status"] == "COMPLETED"
    assert "transcribing" not in [step["stage"] for step in request["status_history"]]
    [post] = system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    assert post["transcript"].startswith("Everybody told me that red kites do not fly.")
    assert post["has_speech"] is True
    [video] = [medium for medium in post["media"] if medium["kind"] == "video"]
    assert (video["transcript_source"], video["supabase_url"]) == ("captions", None)


def test_stored_media_and_transcripts_are_reused_without_paying_again(system: System, analysed: Analysed) -> None:
    request = system.analyse("https://www.instagram.com/reel/Hinvent0003/")

    assert request["status"] == "COMPLETED"
    assert "transcribing" not in [step["stage"] for step in request["status_history"]]
    assert (system.calls("brightdata"), system.calls("media")) == ([], [])
    [post] = system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    assert post["transcript"] == analysed.posts["Hinvent0003"]["transcript"]
