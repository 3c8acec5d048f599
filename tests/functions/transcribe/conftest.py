"""Fixtures for the worker: the pipeline's database, with fakes for storage, decoding and speech recognition."""

import hashlib
import io
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from aws_lambda_powertools import Logger
from sqlalchemy import select, update

from functions.transcribe.deadline import Deadline
from functions.transcribe.decoder.audio import Samples
from functions.transcribe.decoder.examination import AUDIO, THUMBNAIL, Examined, frame_name
from functions.transcribe.decoder.frames import jpeg
from functions.transcribe.decoder.timeline import Timeline
from functions.transcribe.job_runner import Job
from functions.transcribe.media_processor import MediaProcessor
from functions.transcribe.medium_reader import MediumReader
from functions.transcribe.speech import RecognisedSpeech
from functions.transcribe.transactions import Transactions
from tests.factories import create_media, create_post, create_request, create_user
from tests.fakes.media_store import FakeMediaStore
from tests.fixtures.pipeline import Pipeline
from tests.fixtures.waits import WAIT_S
from whyviral.accounts.models import User
from whyviral.analysis.models import PostState
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.repository import attempt_queries
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.media_store import MediaStore, path_of
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource
from whyviral.social.media.lost_files import LostFileStore
from whyviral.social.models import Post, PostMedia
from whyviral.vendor_calls.calls import CallCollector

HELLO = Transcript(
    (SpokenSegment(1.0, 2.0, "Hello there.", (SpokenWord(1.0, 1.5, "Hello"), SpokenWord(1.5, 2.0, "there."))),),
    TranscriptSource.WHISPER,
    "en",
)
VIDEO = Examined(
    measurements={"duration_s": 10.0, "width": 180, "height": 320, "cut_count": 2},
    timeline=Timeline(cuts_s=(2.5, 7.5), watched_s=10.0, levels_dbfs=(-20.0, -12.5), level_step_s=5.0),
    frames_at_s=(0.5, 5.0),
    has_thumbnail=True,
    has_audio=True,
)


def picture_of(words: bytes) -> bytes:
    """Return a JPEG with these words in its comment."""
    grey = VideoFrame.from_ndarray(np.full((8, 8, 3), 128, np.uint8), format="rgb24")
    picture = jpeg(grey, (8, 8), long_edge=8)
    return picture[:2] + b"\xff\xfe" + (len(words) + 2).to_bytes(2) + words + picture[2:]


@dataclass(slots=True)
class FakeAudioSource:
    """An `AudioSource` with files by video id."""

    files: dict[str, bytes] = field(default_factory=dict)
    error: ProviderError | None = None
    during: Callable[[], object] = lambda: None

    def download(
        self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float, should_stop: Callable[[], bool]
    ) -> Path:
        assert (max_bytes, timeout_s) > (0, 0)
        self.during()
        if should_stop():
            raise ProviderError("Given up.", provider="youtube", category=ErrorCategory.TIMEOUT, is_transient=True)
        if self.error is not None:
            raise self.error
        path = folder / f"{video_id}.m4a"
        path.write_bytes(self.files[video_id])
        return path


@dataclass(slots=True)
class FakeDecoder:
    """A decoder whose answers depend on the content of the file."""

    answers: dict[bytes, Examined | Exception] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """Exceptions of the next calls, raised before `answers` are used."""
    links: dict[bytes, tuple[str, Path]] = field(default_factory=dict)
    """Links that a hostile file puts in place of a result: name and target."""
    leaves: dict[bytes, dict[str, bytes]] = field(default_factory=dict)
    """Contents that a hostile file writes over its results, by name."""
    seen: list[bytes] = field(default_factory=list)

    def __call__(self, path: Path, folder: Path, *, deadline: Deadline) -> Examined:
        assert deadline.left_s > 0
        content = path.read_bytes()
        self.seen.append(content)
        if self.failures:
            raise self.failures.pop(0)
        answer = self.answers.get(content, VIDEO)
        if isinstance(answer, Exception):
            raise answer
        if answer.has_audio:
            np.full(16_000, len(self.seen), np.float32).tofile(folder / AUDIO)
        for number in range(len(answer.frames_at_s)):
            (folder / frame_name(number)).write_bytes(picture_of(b"frame %d of " % number + content))
        if answer.has_thumbnail:
            (folder / THUMBNAIL).write_bytes(picture_of(b"thumbnail of " + content))
        for name, left in self.leaves.get(content, {}).items():
            (folder / name).write_bytes(left)
        if content in self.links:
            name, target = self.links[content]
            (folder / name).unlink()
            (folder / name).symlink_to(target)
        return answer


@dataclass(slots=True)
class FakeListener:
    """A `Listener` that returns the transcripts in `says` one by one, then `HELLO`."""

    says: list[Transcript] = field(default_factory=list)
    unclear: tuple[tuple[float, float], ...] = ()
    """Voices without words, returned with every transcript."""
    during: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None

    def listen(self, samples: Samples, *, should_stop: Callable[[], bool]) -> RecognisedSpeech:
        assert samples.size
        self.during()
        if should_stop():
            return RecognisedSpeech(
                Transcript(HELLO.segments, HELLO.source, HELLO.language, is_truncated=True), voice_s=1.0
            )
        self.after()
        transcript = self.says.pop(0) if self.says else HELLO
        return RecognisedSpeech(transcript, voice_s=1.0, voices=((1.05, 1.95),), unclear=self.unclear)


class WorkerBench:
    """Requests whose posts have media, and the worker that processes them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.store = FakeMediaStore()
        self.audio_source = FakeAudioSource()
        self.decoder = FakeDecoder()
        self.listener = FakeListener()
        self.calls: list[ExternalCall] = []
        """Vendor calls recorded with every medium."""
        self.pauses_s: list[float] = []
        """Pauses after failed transactions."""
        self.logger = Logger(service="test", level="CRITICAL")

    def request(self, *posts: Sequence[str], platform: str = "x", state: PostState = PostState.COLLECTED) -> Job:
        """Create a request. Each post is a list of its videos' contents, empty for a page with a player."""
        with session_scope(self.pipeline.engine) as session:
            # Ids in YouTube's format, which suit every platform.
            ids = [uuid.uuid4().hex[:11] for _ in posts]
            rows = [create_post(session, platform=platform, platform_post_id=post_id) for post_id in sorted(ids)]
            for row, contents in zip(rows, posts, strict=True):
                for position, content in enumerate(contents):
                    self._add_video(session, row, position, content)
            user = session.get_one(User, self.pipeline.user_id)
            request = create_request(session, user, rows, state=state, platform=platform, status="PROCESSING")
            return Job(request_id=request.id, attempt=request.attempt)

    def request_too(self, job: Job) -> Job:
        """Create a request of another user for the posts of this one."""
        with session_scope(self.pipeline.engine) as session:
            request_posts = attempt_queries.list_request_posts(session, job.request_id)
            posts = [session.get_one(Post, row.post_id) for row in request_posts]
            request = create_request(
                session,
                create_user(session),
                posts,
                state=PostState.COLLECTED,
                platform=posts[0].platform,
                status="PROCESSING",
            )
            return Job(request_id=request.id, attempt=request.attempt)

    def retry(self, job: Job) -> Job:
        """Supersede the attempt of a request by its next one."""
        return Job(**self.pipeline.supersede(RequestJob(**job.model_dump())).model_dump())

    def has_started(self, job: Job) -> bool:
        """Whether a worker has recorded its first status for this request."""
        return bool(self.pipeline.read(RequestJob(**job.model_dump())).status_history)

    def change(self, medium: PostMedia, **columns: object) -> None:
        """Update columns of a medium's row."""
        with session_scope(self.pipeline.engine) as session:
            session.execute(update(PostMedia).where(PostMedia.id == medium.id).values(**columns))

    def put(self, store: MediaStore, medium: PostMedia, content: bytes) -> None:
        """Put a video into a store, under the path of its hash."""
        post = self.post_of(medium)
        path = path_of(post.platform, post.id, sha256=hashlib.sha256(content).hexdigest(), suffix="mp4")
        store.put(path, io.BytesIO(content), content_type="video/mp4")
        self.change(medium, storage_path=path)

    def _add_video(self, session: Any, post: Post, position: int, content: str) -> None:
        path = f"{post.platform}/{post.id}/{position}.mp4" if content else None
        if path is not None:
            self.store.files[path] = content.encode()
        else:
            self.audio_source.files[post.platform_post_id] = b"sound"
        create_media(session, post, position=position, kind="video", storage_path=path, is_page=path is None)

    @property
    def processor(self) -> MediaProcessor:
        return MediaProcessor(
            self.pipeline.engine,
            build_reader=self._build_reader,
            clock=self.pipeline.clock,
            logger=self.logger,
            transactions=Transactions(self.pipeline.engine, logger=self.logger, sleep=self.pauses_s.append),
            renewal_interval_s=0.01,
            poll_s=0.01,
        )

    def _build_reader(self, *, calls: CallCollector) -> MediumReader:
        for call in self.calls:
            calls.record(replace(call, id=uuid.uuid4()))
        return MediumReader(
            store=LostFileStore(self.store, self.pipeline.engine),
            audio_source=self.audio_source,
            listener=self.listener,
            examine=self.decoder,
        )

    def process(self, job: Job, *, deadline: Deadline | None = None) -> Outcome:
        return self.processor.process(job, deadline or Deadline(WAIT_S))

    def media(self) -> list[PostMedia]:
        """Return all media, ordered by post and position."""
        with session_scope(self.pipeline.engine) as session:
            return list(
                session.scalars(select(PostMedia).join(Post).order_by(Post.platform_post_id, PostMedia.position))
            )

    def post_of(self, medium: PostMedia) -> Post:
        with session_scope(self.pipeline.engine) as session:
            return session.get_one(Post, medium.post_id)


def call_of(provider: str) -> ExternalCall:
    return ExternalCall(
        provider=provider,
        operation="GET /file",
        started_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        duration_ms=5,
        status=200,
    )


@pytest.fixture
def worker(pipeline: Pipeline) -> WorkerBench:
    return WorkerBench(pipeline)


def unknown_job() -> Job:
    return Job(request_id=uuid.uuid4(), attempt=1)
