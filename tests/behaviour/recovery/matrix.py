"""Every state of the pipeline combined with every fault that can occur in it, and the required results.

A paid call is repeated in two cases only. Either its answer was unusable (an error, garbage, a broken connection), or
its process was killed or met an exception of ours after sending the call and before committing the result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from local.aws.sandbox import Moment
from tests.behaviour.recovery.cases import COMPLETED, PARTIAL, Calls, Case
from tests.behaviour.recovery.troubled_system import Break, Death, DeathInside, Fault, Together

ONE_TRY = (COMPLETED,)
SECOND_TRY = (PARTIAL, COMPLETED)
_FAULTS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "429": ("status", {"status": 429}),
    "500": ("status", {"status": 500}),
    "timeout": ("timeout", {}),
    "garbage": ("garbage", {}),
    "disconnect": ("disconnect", {}),
    "killed as it arrived": ("kill", {"moment": "on_arrival"}),
    "killed before its answer": ("kill", {"moment": "before_answer"}),
}


def failed(stage: str, category: str = "internal") -> Sequence[str]:
    """Return the ends of a request that fails and is then retried."""
    return (f"FAILED {stage} {category}", COMPLETED)


@dataclass(frozen=True, slots=True)
class Call:
    """A call to a vendor in a state."""

    state: str
    kind: str
    """The kind of post for which the state makes the call."""
    vendor: str
    path: str
    method: str = "GET"
    after: int = 0
    paid_as: str = ""
    """Its name among the paid calls; empty if it is free."""
    lane: str = ""
    """Set if the call does not contain the id of its post."""

    def fault(self, name: str) -> Fault:
        """Return the named fault, for one call."""
        mode, more = _FAULTS[name]
        only = {"method": self.method, "after": self.after}
        return Fault(self.vendor, self.path, mode, {**more, **only}, says_which=not self.lane)

    def case(self, fault: str, ends: Sequence[str], statuses: Sequence[int | None] = (200,)) -> Case:
        """Return the case in which this call fails."""
        calls: Calls = {self.paid_as: statuses} if self.paid_as else _again_where_partial(ends)
        return Case(f"{self.state}: {fault}", self.kind, self.fault(fault), ends, calls, lane=self.lane)


@dataclass(frozen=True, slots=True)
class State:
    """A state whose process can be killed or meet an exception of ours."""

    state: str
    kind: str
    function: str
    lane: str = ""

    def killed(self, moment: Moment, ends: Sequence[str], **calls: Sequence[int | None]) -> Case:
        """Return the case in which its function is killed."""
        when = {Moment.HANDED: "killed before its call", Moment.ANSWERED: "killed after its commit"}[moment]
        name = f"{self.state}: {when}"
        return Case(name, self.kind, Death(self.function, moment), ends, calls, lane=self.lane)

    def killed_inside(self, write: Break, ends: Sequence[str], **calls: Sequence[int | None]) -> Case:
        """Return the case in which its function is killed between a provider's answer and its commit."""
        name = f"{self.state}: killed between an answer and its commit"
        return Case(name, self.kind, DeathInside(write), ends, calls, lane=self.lane)

    def broken(self, when: str, trouble: Break, ends: Sequence[str], **calls: Sequence[int | None]) -> Case:
        """Return the case in which our code raises an exception."""
        name = f"{self.state}: our exception {when}"
        return Case(name, self.kind, trouble, ends, {**_again_where_partial(ends), **calls}, lane=self.lane)


def _again_where_partial(ends: Sequence[str]) -> Calls:
    """Return the paid calls of a request that was partial at first: the retry calls the model again."""
    return {"model": (200,) * len(ends)} if PARTIAL in ends else {}


def _step(condition: str) -> Break:
    return Break("analysis_status_history", condition)


def _fetching_from_x() -> Iterator[Case]:
    call = Call("FetchPosts of X", "x", "twitterapi", "/twitter/tweets", paid_as="tweets")
    lost = failed("fetching_posts")
    yield call.case("429", ONE_TRY, (429, 200))
    yield call.case("500", ONE_TRY, (500, 200))
    yield call.case("timeout", ONE_TRY, (None, 200))
    yield call.case("garbage", ONE_TRY, (200, 200))
    yield call.case("disconnect", ONE_TRY, (None, 200))
    yield call.case("killed as it arrived", lost, (None, 200))
    yield call.case("killed before its answer", lost, (None, 200))
    state = State("FetchPosts of X", "x", "ScrapeFunction")
    yield state.killed(Moment.HANDED, lost)
    yield state.killed(Moment.ANSWERED, lost)
    yield state.broken("before its call", _step("new.stage = 'fetching_posts'"), lost)
    saving = Break("posts", "new.fetched_at is not null")
    yield state.broken("while it saves", saving, lost, tweets=(200, 200), replies=(200, 200))
    yield state.killed_inside(saving, lost, tweets=(200, 200), replies=(200, 200))
    yield state.broken("after its commit", _step("new.stage = 'social_data_fetched'"), lost)


def _fetching_from_instagram() -> Iterator[Case]:
    name, lane = "FetchPosts of Instagram", "instagram"
    lost = failed("fetching_posts")
    trigger = Call(f"{name}, trigger", lane, "brightdata", "/datasets/v3/trigger", "POST", 0, "trigger", lane)
    yield trigger.case("429", ONE_TRY, (429, 200))
    yield trigger.case("500", ONE_TRY, (500, 200))
    # Such a job may be running and would be paid for, so only its user's retry starts another one.
    yield trigger.case("timeout", failed("fetching_posts", "timeout"), (None, 200))
    yield trigger.case("garbage", failed("fetching_posts", "provider_error"), (200, 200))
    yield trigger.case("disconnect", failed("fetching_posts", "provider_error"), (None, 200))
    yield trigger.case("killed as it arrived", lost, (None, 200))
    yield trigger.case("killed before its answer", lost, (None, 200))
    for path, what in (("/datasets/v3/progress/", "progress"), ("/datasets/v3/snapshot/", "snapshot")):
        call = Call(f"{name}, {what}", lane, "brightdata", path, lane=lane)
        for fault in ("429", "500", "timeout", "garbage", "disconnect"):
            yield call.case(fault, ONE_TRY)
        for fault in ("killed as it arrived", "killed before its answer"):
            yield call.case(fault, lost)
    lost_job = {"status": 404, "body": "Snapshot does not exist"}
    gone = Fault("brightdata", "/datasets/v3/progress/", "status", lost_job, says_which=False)
    yield Case(f"{name}: its job is lost", lane, gone, ONE_TRY, {"trigger": (200, 200)}, lane)
    state = State(name, lane, "ScrapeFunction", lane)
    yield state.killed(Moment.HANDED, lost)
    yield state.killed(Moment.ANSWERED, lost)
    yield state.broken("before its call", _step("new.stage = 'fetching_posts'"), lost)
    storing = Break("posts", "new.scrape_job is not null")
    yield state.broken("while it stores the job", storing, lost, trigger=(200, 200))
    yield state.killed_inside(storing, lost, trigger=(200, 200))
    yield state.broken("while it saves", Break("posts", "new.fetched_at is not null"), lost)


def _fetching_from_youtube() -> Iterator[Case]:
    name, lane = "FetchPosts of YouTube", "youtube"
    lost = failed("fetching_posts")
    call = Call(name, "youtube", "youtube", "/www/youtubei/v1/player", "POST")
    for fault in ("500", "timeout", "garbage", "disconnect"):
        yield call.case(fault, ONE_TRY)
    for fault in ("killed as it arrived", "killed before its answer"):
        yield call.case(fault, lost)
    state = State(name, "youtube", "ScrapeFunction", lane)
    yield state.killed(Moment.HANDED, lost)
    yield state.killed(Moment.ANSWERED, lost)
    yield state.broken("before its call", _step("new.stage = 'fetching_posts'"), lost)
    yield state.broken("while it saves", Break("posts", "new.fetched_at is not null"), lost)


def _collecting() -> Iterator[Case]:
    lane = "instagram"
    lost = failed("collecting_media")
    read = Call("CollectMedia, from the platform", lane, "media", "/scontent.cdninstagram.com/", lane=lane)
    for fault in ("429", "500", "timeout", "disconnect"):
        yield read.case(fault, SECOND_TRY)
    refused = {"status": 403, "body": "URL signature expired"}
    expired = Fault("media", "/scontent.cdninstagram.com/", "status", refused, says_which=False)
    fetched_again = {"trigger": (200, 200), "model": (200, 200)}
    yield Case("CollectMedia: its links have expired", lane, expired, SECOND_TRY, fetched_again, lane)
    files = "/storage/v1/object/whyviral-media/instagram/"
    stored = Call("CollectMedia, into storage", lane, "supabase", files, "POST", lane=lane)
    for fault in ("429", "500", "timeout", "garbage", "disconnect"):
        yield stored.case(fault, ONE_TRY)
    for call in (read, stored):
        for fault in ("killed as it arrived", "killed before its answer"):
            yield call.case(fault, lost)
    state = State("CollectMedia", "x-picture", "MediaFunction", "x-media")
    yield state.killed(Moment.HANDED, lost)
    yield state.killed(Moment.ANSWERED, lost)
    yield state.broken("before its call", _step("new.stage = 'collecting_media'"), lost)
    yield state.broken("while it saves", Break("post_media", "new.storage_path is not null"), lost)


def _processing() -> Iterator[Case]:
    files, lane = "/storage/v1/object/whyviral-media/x/", "x-media"
    reads = Call("ProcessMedia, from storage", "x-video", "supabase", files, lane=lane)
    # CollectMedia has stored two files: the video and its poster.
    writes = Call("ProcessMedia, into storage", "x-video", "supabase", files, "POST", after=2, lane=lane)
    for fault in ("429", "500", "timeout", "garbage", "disconnect"):
        yield reads.case(fault, SECOND_TRY)
    for fault in ("429", "500", "disconnect"):
        yield writes.case(fault, ONE_TRY)
    for call in (reads, writes):
        for fault in ("killed as it arrived", "killed before its answer"):
            yield call.case(fault, SECOND_TRY)
    second = Call("ProcessMedia, after the first of two", "x-videos", "supabase", files, after=1, lane=lane)
    yield second.case("killed as it arrived", SECOND_TRY)
    state = State("ProcessMedia", "x-video", "", lane)
    # The number of times that the worker attempts each transaction.
    begins = Break("analysis_status_history", "new.stage = 'transcribing'", times=4)
    saves = Break("post_media", "new.processed_at is not null", times=4)
    yield state.broken("before its call", begins, SECOND_TRY)
    yield state.broken("while it saves", saves, SECOND_TRY)


def _noting() -> Iterator[Case]:
    lane = "x-media"
    killed = Call("", "x-video", "supabase", "/storage/v1/object/whyviral-media/x/", lane=lane).fault(
        "killed as it arrived"
    )
    noted = Break("analysis_status_history", "new.stage = 'transcribing' and new.progress = 49")
    for when, trouble in (
        ("killed before its call", Death("FailFunction", Moment.HANDED)),
        ("killed after its commit", Death("FailFunction", Moment.ANSWERED)),
        ("our exception while it saves", noted),
    ):
        both = Together((killed, trouble))
        yield Case(f"NoteUnwatchedMedia: {when}", "x-video", both, failed("transcribing"), lane=lane)


def _analysing() -> Iterator[Case]:
    call = Call("AnalysePosts", "x", "gemini", "/v1/models/", "POST", paid_as="model")
    lost = failed("analysing")
    quota = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
    refusal = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": [quota]}}
    patient = Fault("gemini", "/v1/models/", "status", {"status": 429, "body": refusal})
    yield Case("AnalysePosts: 429", "x", patient, ONE_TRY, {"model": (429, 200)})
    yield call.case("garbage", ONE_TRY, (200, 200))
    yield call.case("disconnect", ONE_TRY, (None, 200))
    # The first attempt explains the post from measurements.
    yield call.case("timeout", SECOND_TRY, (None, 200))
    yield call.case("killed as it arrived", lost, (None, 200))
    yield call.case("killed before its answer", lost, (None, 200))
    state = State("AnalysePosts", "x", "AnalyzeFunction")
    yield state.killed(Moment.HANDED, lost)
    yield state.killed(Moment.ANSWERED, ONE_TRY)
    yield state.broken("before its call", _step("new.stage = 'displaying_content'"), lost)
    saving = Break("post_analyses", "true")
    yield state.broken("while it saves", saving, lost, model=(200, 200))
    yield state.killed_inside(saving, lost, model=(200, 200))


def _ending() -> Iterator[Case]:
    finish = State("FinishRequest", "x", "FinishFunction")
    # FailRequest completes the request in its place, because the analyses exist.
    yield finish.killed(Moment.HANDED, ONE_TRY)
    yield finish.killed(Moment.ANSWERED, ONE_TRY)
    yield finish.broken("while it saves", _step("new.stage = 'analysis_complete'"), ONE_TRY)
    lost = Death("ScrapeFunction", Moment.HANDED)
    for when, trouble in (
        ("killed before its call", Death("FailFunction", Moment.HANDED)),
        ("killed after its commit", Death("FailFunction", Moment.ANSWERED)),
        ("our exception while it saves", _step("new.stage = 'error'")),
    ):
        both = Together((lost, trouble))
        yield Case(f"FailRequest: {when}", "x", both, failed("fetching_posts"))


_ROWS = (
    _fetching_from_x,
    _fetching_from_instagram,
    _fetching_from_youtube,
    _collecting,
    _processing,
    _noting,
    _analysing,
    _ending,
)
CASES: Mapping[str, Case] = {case.name: case for cases in _ROWS for case in cases()}
