"""How CollectMedia works: a text post has nothing to collect, and a post with media is not understood without it."""

from sqlalchemy.orm import Session

from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, PostJob, PostResult, fail_post, lock_current, record_status
from whyviral.analysis.repository import PipelineRepository
from whyviral.core.errors import ErrorCategory

_UNSUPPORTED = "This post has photos or video, which cannot be analysed yet: only text posts of X can."


def collect_media(session: Session, job: PostJob) -> PostResult:
    """Pass a text post on; end a post with media as unsupported rather than explain it half-seen."""
    request = lock_current(session, job)
    if request is None:
        return PostResult(post=job.post, outcome=Outcome.SUPERSEDED)
    record_status(session, request, Stage.COLLECTING_MEDIA, progress=40, message="Collecting the posts' media.")
    row = PipelineRepository(session).find_post(job.request_id, job.post)
    if row is None or row.post is None:
        raise LookupError("CollectMedia was given a post that was never fetched")
    if row.state == PostState.FAILED:
        return PostResult(post=job.post, outcome=Outcome.FAILED)
    if row.post.media:
        fail_post(row, stage=Stage.COLLECTING_MEDIA, category=ErrorCategory.UNSUPPORTED, message=_UNSUPPORTED)
        return PostResult(post=job.post, outcome=Outcome.FAILED)
    if row.state == PostState.FETCHED:
        row.state = PostState.COLLECTED
    return PostResult(post=job.post, outcome=Outcome.COLLECTED)
