import io
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from tests.factories import create_media, create_post
from tests.fakes.media_store import FakeMediaStore, storage_error
from tests.fixtures.database import Database
from whyviral.core.database import session_scope
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import StoredFileMissing
from whyviral.integrations.supabase.errors import refusal
from whyviral.social.media.lost_files import LostFileStore
from whyviral.social.media.service import forget_stored_file
from whyviral.social.models import Post, PostMedia

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def video_of(session: Session, post: Post) -> PostMedia:
    """A video that the worker has read: the original, a thumbnail and two key frames are stored."""
    folder = f"x/{post.id}"
    frames = [{"at_s": at, "path": f"{folder}/frame{at}.jpg", "url": "https://s.example/f"} for at in (0, 1)]
    return create_media(
        session,
        post,
        kind="video",
        storage_path=f"{folder}/video.mp4",
        supabase_url="https://s.example/v",
        uploaded_to_supabase=True,
        thumbnail_path=f"{folder}/thumbnail.jpg",
        thumbnail_url="https://s.example/t",
        frames=frames,
        transcript="Hello.",
        processed_at=NOW,
    )


def state(session: Session, medium: PostMedia) -> tuple[bool, bool, bool, bool]:
    """Whether it has an original, a thumbnail and frames, and whether the worker is done with it."""
    session.refresh(medium)
    return (
        medium.storage_path is not None,
        medium.thumbnail_path is not None,
        medium.frames is not None,
        medium.processed_at is not None,
    )


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("video.mp4", (False, True, True, False)),
        ("thumbnail.jpg", (True, False, True, False)),
        ("frame1.jpg", (True, True, False, False)),
        ("another.jpg", (True, True, True, True)),
    ],
)
def test_only_the_lost_file_is_forgotten_and_its_medium_is_read_again(
    name: str, left: tuple[bool, ...], session: Session
) -> None:
    lost, other = (video_of(session, create_post(session)) for _ in range(2))

    forget_stored_file(session, f"x/{lost.post_id}/{name}")

    assert state(session, lost) == left
    assert state(session, other) == (True, True, True, True)
    assert lost.transcript == "Hello."  # it need not be heard again


@pytest.mark.parametrize("path", ["", "x", "x/not-an-id/a.jpg", f"x/{uuid.UUID(int=1)}/a.jpg", "../../etc/passwd"])
def test_a_path_of_no_post_changes_nothing(path: str, session: Session) -> None:
    medium = video_of(session, create_post(session))

    forget_stored_file(session, path)

    assert state(session, medium) == (True, True, True, True)


def test_a_missing_file_is_forgotten_when_it_is_read(fresh_database: Callable[[], Database]) -> None:
    engine = fresh_database().engine
    with session_scope(engine) as session:
        medium = video_of(session, create_post(session))
        path = str(medium.storage_path)

    with pytest.raises(StoredFileMissing):
        LostFileStore(FakeMediaStore(), engine).get(path, io.BytesIO(), max_bytes=10)

    with session_scope(engine) as session:
        assert session.get_one(PostMedia, medium.id).storage_path is None


@pytest.mark.parametrize("is_transient", [True, False])
def test_a_storage_that_fails_has_lost_nothing(is_transient: bool, fresh_database: Callable[[], Database]) -> None:
    engine = fresh_database().engine
    with session_scope(engine) as session:
        medium = video_of(session, create_post(session))
        path = str(medium.storage_path)

    store = LostFileStore(FakeMediaStore(error=storage_error(is_transient=is_transient)), engine)
    with pytest.raises(ProviderError):
        store.get(path, io.BytesIO(), max_bytes=10)

    with session_scope(engine) as session:
        assert session.get_one(PostMedia, medium.id).storage_path == path


def test_a_missing_bucket_is_not_a_missing_file() -> None:
    assert isinstance(refusal(404, "NoSuchKey not_found Object not found"), StoredFileMissing)
    assert not isinstance(refusal(404, "NoSuchBucket Bucket not found"), StoredFileMissing)
