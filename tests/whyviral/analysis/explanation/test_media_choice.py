import uuid
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.media import FakeMedia
from tests.fixtures.pictures import media_file
from whyviral.analysis.explanation.attachments import MAX_ATTACHMENTS, Attachment, attach
from whyviral.analysis.explanation.media_choice import (
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    MAX_WHOLE_VIDEO_S,
    Choice,
    LeftOut,
    Reason,
    StoredFile,
    choose_media,
)
from whyviral.integrations.gemini.media import GEMINI_MEDIA
from whyviral.integrations.ports.analyst import InlineMedia, MediaSupport, VideoUrl
from whyviral.integrations.ports.media_store import MediaStore
from whyviral.social.models import Post, PostMedia
from whyviral.vendor_calls.calls import CallCollector

WATCH = "https://www.youtube.com/watch?v=jNQXAC9IVRw"


def photo(name: str = "photo.jpg", **columns: Any) -> PostMedia:
    fields = {"storage_path": name, "content_type": "image/jpeg", "bytes": 1_000, "is_page": False}
    return PostMedia(**{"id": uuid.uuid4(), "kind": "image", "source_url": "https://a.example/1"} | fields | columns)


def video(*frames_at_s: float, name: str = "video.mp4", **columns: Any) -> PostMedia:
    frames = [{"at_s": at_s, "path": f"{name}-{at_s}.jpg", "url": "https://a.example"} for at_s in frames_at_s]
    fields: dict[str, Any] = {
        "content_type": "video/mp4",
        "duration_s": 12,
        "frames": frames,
        "thumbnail_path": f"{name}.jpg",
    }
    return photo(name, **{"kind": "video"} | fields | columns)


def page(**columns: Any) -> PostMedia:
    fields: dict[str, Any] = {
        "kind": "video",
        "is_page": True,
        "source_url": WATCH,
        "storage_path": None,
        "duration_s": 600,
    }
    return photo(**fields | columns)


def chosen(*media: PostMedia, can_watch: bool = True, takes: MediaSupport = GEMINI_MEDIA) -> Choice:
    return choose_media(Post(platform="x", media=list(media)), takes=takes, can_watch=can_watch)


def labels(choice: Choice) -> list[str]:
    return [candidate.exhibit.label for candidate in choice.candidates]


def reasons(left_out: Any) -> list[tuple[str, Reason]]:
    return [(each.exhibit.label, each.reason) for each in left_out]


def attached(choice: Choice, stored: FakeMedia) -> tuple[list[Attachment], list[LeftOut]]:
    store = stored.build_store(calls=CallCollector(), timeout_s=5)
    attachments, left_out = attach(choice.candidates, open_store=lambda: store, is_time_left=lambda: True)
    return list(attachments), list(left_out)


def filled(choice: Choice, size_bytes: int = 100) -> FakeMedia:
    """A store that has every file that may be shown."""
    stored = FakeMedia(FakeClock())
    files = [each.source for each in choice.candidates if isinstance(each.source, StoredFile)]
    stored.files = {file.path: (media_file(file.content_type, size_bytes), "") for file in files}
    return stored


def test_photos_frames_covers_and_short_videos_are_named_in_the_order_of_the_post() -> None:
    choice = chosen(
        photo("1.jpg"),
        video(0.5, 4.25),
        photo("2.png", content_type="image/png"),
        video(),
        photo("c", kind="thumbnail"),
    )

    assert labels(choice) == [
        "photo 1",
        "video 1, frame at 0.5 s",
        "video 1, frame at 4.25 s",
        "video 1, whole, with its sound",
        "photo 2",
        "video 2, its cover",
        "video 2, whole, with its sound",
        "cover 1",
    ]
    assert choice.left_out == []


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "image/webp", "image/heic"])
def test_a_photo_goes_as_it_is_stored(content_type: str) -> None:
    choice = chosen(photo(content_type=content_type))

    (attachment,), _ = attached(choice, filled(choice))

    assert attachment.part == InlineMedia(media_file(content_type, 100), content_type)


@pytest.mark.parametrize(
    "unreadable", [{"content_type": "image/gif"}, {"content_type": "image/avif"}, {"bytes": MAX_IMAGE_BYTES + 1}]
)
def test_a_photo_that_the_model_cannot_read_goes_as_its_thumbnail(unreadable: dict[str, Any]) -> None:
    choice = chosen(photo(thumbnail_path="small.jpg", **unreadable))

    (attachment,), _ = attached(choice, filled(choice))

    assert attachment.part == InlineMedia(media_file("image/jpeg", 100), "image/jpeg")


@pytest.mark.parametrize(
    ("medium", "reason"),
    [
        (photo(storage_path=None), Reason.NOT_STORED),
        (photo(content_type="image/gif"), Reason.TYPE),
        (photo(content_type=None), Reason.TYPE),
        (photo(bytes=MAX_IMAGE_BYTES + 1), Reason.TOO_LARGE),
        (video(storage_path=None, thumbnail_path=None), Reason.NOT_STORED),
        (video(content_type="video/x-msvideo", thumbnail_path=None), Reason.TYPE),
        (video(bytes=MAX_VIDEO_BYTES + 1, thumbnail_path=None), Reason.TOO_LARGE),
        (video(duration_s=MAX_WHOLE_VIDEO_S + 1, thumbnail_path=None), Reason.TOO_LONG),
        (video(duration_s=None, thumbnail_path=None), Reason.TOO_LONG),
        (video(duration_s=None, thumbnail_path=None, error={"category": "media_error"}), Reason.DAMAGED),
        (video(duration_s=None, thumbnail_path=None, error={"category": "timeout"}), Reason.TOO_LONG),
        (page(source_url="https://www.youtube.com/watch?v=jNQXAC9IVRw&list=x"), Reason.TYPE),
        (page(source_url="https://evil.example/watch?v=jNQXAC9IVRw"), Reason.TYPE),
    ],
)
def test_what_cannot_be_shown_is_left_out_with_its_reason(medium: PostMedia, reason: Reason) -> None:
    choice = chosen(medium)

    assert (choice.candidates, [each.reason for each in choice.left_out]) == ([], [reason])


@pytest.mark.parametrize(("size_bytes", "duration_s"), [(MAX_VIDEO_BYTES, MAX_WHOLE_VIDEO_S), (None, 1)])
def test_a_video_at_the_limits_is_shown_whole(size_bytes: int | None, duration_s: float) -> None:
    assert labels(chosen(video(1, bytes=size_bytes, duration_s=duration_s)))[-1] == "video 1, whole, with its sound"


@pytest.mark.parametrize(("stored", "named"), [("video/mp4", "video/mp4"), ("video/quicktime", "video/mov")])
def test_a_video_is_called_what_the_model_calls_it(stored: str, named: str) -> None:
    choice = chosen(video(content_type=stored, thumbnail_path=None))

    (attachment,), _ = attached(choice, filled(choice))

    assert attachment.part == InlineMedia(b"x" * 100, named, duration_s=12.0)


@pytest.mark.parametrize(
    ("duration_s", "end_s", "frames_per_second"), [(600, 300, 0.5), (61, 61, 0.5), (60, 60, 1.0), (None, 300, 0.5)]
)
def test_a_video_on_youtube_is_watched_by_its_url_for_a_while(
    duration_s: float | None, end_s: float, frames_per_second: float
) -> None:
    attachments, left_out = attached(chosen(page(duration_s=duration_s)), FakeMedia(FakeClock()))

    assert [attachment.part for attachment in attachments] == [VideoUrl(WATCH, 0, end_s, frames_per_second)]
    assert left_out == []


def test_a_video_that_exists_on_this_machine_only_is_not_named_to_a_real_model() -> None:
    choice = chosen(page(), photo("cover.jpg", kind="thumbnail"), can_watch=False)

    assert labels(choice) == ["cover 1"]
    assert reasons(choice.left_out) == [
        ("video 1 on YouTube, its first 300 s, with its sound", Reason.STAND_IN),
    ]


def test_what_cannot_be_read_is_left_out_and_the_rest_is_shown() -> None:
    choice = chosen(photo("1.jpg"), photo("lost.jpg"), photo("empty.jpg"), photo("2.jpg"))
    store = filled(choice)
    del store.files["lost.jpg"]
    store.files["empty.jpg"] = (b"", "")

    attachments, left_out = attached(choice, store)

    assert [(each.id, each.exhibit.label) for each in attachments] == [("M1", "photo 1"), ("M2", "photo 4")]
    assert reasons(left_out) == [("photo 2", Reason.NOT_READ), ("photo 3", Reason.NOT_READ)]


def test_first_sights_are_read_first_then_whole_videos_then_frames_evenly() -> None:
    choice = chosen(video(0, 1, 2, 3, 4, 5, 6, 7, name="a"), photo("b"))
    store = filled(choice)

    attachments, _ = attached(choice, store)

    assert store.reads == [
        "a-0.jpg",
        "b",
        "a",
        "a-4.jpg",
        "a-2.jpg",
        "a-6.jpg",
        "a-1.jpg",
        "a-5.jpg",
        "a-3.jpg",
        "a-7.jpg",
    ]
    assert [each.exhibit.at_s for each in attachments] == [0, 1, 2, 3, 4, 5, 6, 7, None, None]


def test_a_full_question_takes_no_more() -> None:
    choice = chosen(*(photo(f"{number}.jpg", bytes=MAX_IMAGE_BYTES) for number in range(4)))

    attachments, left_out = attached(choice, filled(choice, MAX_IMAGE_BYTES))

    assert [attachment.exhibit.label for attachment in attachments] == ["photo 1", "photo 2"]
    assert reasons(left_out) == [("photo 3", Reason.NO_ROOM), ("photo 4", Reason.NO_ROOM)]


def test_no_question_has_too_many_parts() -> None:
    choice = chosen(*(photo(f"{number}.jpg") for number in range(MAX_ATTACHMENTS + 1)))

    attachments, left_out = attached(choice, filled(choice))

    assert len(attachments) == MAX_ATTACHMENTS
    assert [each.reason for each in left_out] == [Reason.NO_ROOM]


def refuse() -> MediaStore:
    raise AssertionError("nothing is to be read")


def test_without_time_nothing_is_read_and_a_url_needs_none() -> None:
    choice = chosen(photo("1.jpg"), page())

    attachments, left_out = attach(choice.candidates, open_store=refuse, is_time_left=lambda: False)

    assert [attachment.exhibit.label[:7] for attachment in attachments] == ["video 1"]
    assert reasons(left_out) == [("photo 1", Reason.NO_TIME)]


def test_a_post_without_stored_media_opens_no_store() -> None:
    attach(chosen(page()).candidates, open_store=refuse, is_time_left=lambda: True)


def test_what_is_saved_of_an_attachment_says_what_when_and_how_and_holds_no_bytes() -> None:
    choice = chosen(medium := video(2.5), watched := page())

    attachments, _ = attached(choice, filled(choice))

    assert [each.as_record() for each in attachments] == [
        {"id": "M1", "kind": "frame", "media_id": str(medium.id), "at_s": 2.5, "how": "inline", "bytes": 100},
        {"id": "M2", "kind": "video", "media_id": str(medium.id), "how": "inline", "bytes": 100},
        {
            "id": "M3",
            "kind": "video",
            "media_id": str(watched.id),
            "how": "url",
            "bytes": None,
            "from_s": 0,
            "to_s": 300,
        },
    ]


def test_a_model_without_video_is_shown_frames_and_told_so() -> None:
    pictures_only = MediaSupport(frozenset({"image/jpeg"}), max_parts=2)

    choice = chosen(video(1.0, 5.0, 9.0), page(), takes=pictures_only)

    assert labels(choice) == ["video 1, frame at 1.0 s", "video 1, frame at 5.0 s", "video 1, frame at 9.0 s"]
    assert [each.reason for each in choice.left_out] == [Reason.NO_VIDEO, Reason.NO_VIDEO]


def test_a_picture_of_a_type_that_the_model_does_not_read_is_shown_by_its_thumbnail() -> None:
    jpegs_only = MediaSupport(frozenset({"image/jpeg"}))

    choice = chosen(photo("a.webp", content_type="image/webp", thumbnail_path="a.jpg"), takes=jpegs_only)

    (candidate,) = choice.candidates
    assert candidate.source == StoredFile("a.jpg", "image/jpeg", MAX_IMAGE_BYTES)


def test_no_more_parts_are_read_than_the_model_takes() -> None:
    choice = chosen(*(photo(f"{number}.jpg") for number in range(3)))
    store = filled(choice).build_store(calls=CallCollector(), timeout_s=5)

    attachments, left_out = attach(choice.candidates, open_store=lambda: store, is_time_left=lambda: True, max_parts=2)

    assert len(attachments) == 2
    assert [each.reason for each in left_out] == [Reason.NO_ROOM]
