"""Views of analyses: requests with their timeline, posts, platforms, and calls to vendors with their cost."""

from typing import Any, ClassVar

from anyio import to_thread
from sqladmin.filters import BooleanFilter
from starlette.requests import Request

from functions.admin.services import services_of
from whyviral.admin.analyses import Timeline, get_timeline
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.analysis.service import RequestNotFound
from whyviral.core.database import reading_session
from whyviral.core.errors import ErrorCategory
from whyviral.social.models import PlatformRow, Post
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.models import ExternalApiCallLog

from .choices import choice
from .read_only_view import ReadOnlyView

_PROVIDERS = ("gemini", "openai", "anthropic", "self_hosted", "twitterapi", "brightdata", "youtube", "clerk", "dodo")


class RequestView(ReadOnlyView, model=PostAnalysisRequest):
    """Requests of all users."""

    name = "Request"
    category = "Analyses"
    column_list: ClassVar[list[Any]] = [
        PostAnalysisRequest.id, PostAnalysisRequest.created_at, PostAnalysisRequest.user_id,
        PostAnalysisRequest.platform, PostAnalysisRequest.display_name, PostAnalysisRequest.status,
        PostAnalysisRequest.error_category, PostAnalysisRequest.duration_seconds, PostAnalysisRequest.cost_usd,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, PostAnalysisRequest.handle, PostAnalysisRequest.post_urls, PostAnalysisRequest.progress,
        PostAnalysisRequest.attempt, PostAnalysisRequest.retry_count, PostAnalysisRequest.max_retries,
        PostAnalysisRequest.error_stage, PostAnalysisRequest.error_details, PostAnalysisRequest.reserved_usd,
        PostAnalysisRequest.total_api_calls, PostAnalysisRequest.posts_processed,
        PostAnalysisRequest.attempt_started_at, PostAnalysisRequest.started_at, PostAnalysisRequest.finished_at,
        PostAnalysisRequest.deleted_at, PostAnalysisRequest.execution_arn,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [
        PostAnalysisRequest.id, PostAnalysisRequest.user_id, PostAnalysisRequest.post_urls, PostAnalysisRequest.handle
    ]  # fmt: skip
    column_sortable_list: ClassVar[list[Any]] = [
        PostAnalysisRequest.created_at, PostAnalysisRequest.duration_seconds, PostAnalysisRequest.cost_usd
    ]  # fmt: skip
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(PostAnalysisRequest.status, RequestStatus),
        choice(PostAnalysisRequest.platform, Platform),
        choice(PostAnalysisRequest.error_category, ErrorCategory),
    ]
    panel = "panels/request.html"

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Add the steps, the posts with their errors, the calls to vendors and the events."""
        return {"timeline": await to_thread.run_sync(self._timeline, request)}

    def _timeline(self, request: Request) -> Timeline | None:
        with reading_session(services_of(request).engine) as session:
            try:
                return get_timeline(session, self.row_id(request))
            except RequestNotFound:
                return None


class PostView(ReadOnlyView, model=Post):
    """Fetched posts, without their raw documents."""

    category = "Analyses"
    column_list: ClassVar[list[Any]] = [
        Post.id, Post.platform, Post.username, Post.content, Post.posted_at, Post.fetched_at, Post.is_stand_in
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, Post.platform_post_id, Post.url, Post.language, Post.metrics, Post.engagement_score,
        Post.transcript, Post.created_at, Post.updated_at,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [Post.platform_post_id, Post.url, Post.username, Post.content]
    column_sortable_list: ClassVar[list[Any]] = [Post.fetched_at, Post.posted_at, Post.created_at]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [choice(Post.platform, Platform), BooleanFilter(Post.is_stand_in)]


class PlatformView(ReadOnlyView, model=PlatformRow):
    """The platforms, which can be switched off."""

    name = "Platform"
    category = "Analyses"
    column_list: ClassVar[list[Any]] = [
        PlatformRow.id, PlatformRow.slug, PlatformRow.name, PlatformRow.is_active, PlatformRow.updated_at
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = column_list
    column_default_sort: ClassVar[Any] = "slug"
    panel = "panels/platform.html"


class CallView(ReadOnlyView, model=ExternalApiCallLog):
    """Calls to vendors with their cost."""

    name = "External call"
    category = "Analyses"
    can_view_details = False
    column_list: ClassVar[list[Any]] = [
        ExternalApiCallLog.id, ExternalApiCallLog.created_at, ExternalApiCallLog.provider,
        ExternalApiCallLog.operation, ExternalApiCallLog.status, ExternalApiCallLog.error_category,
        ExternalApiCallLog.duration_ms, ExternalApiCallLog.cost_usd, ExternalApiCallLog.model,
        ExternalApiCallLog.input_tokens, ExternalApiCallLog.output_tokens, ExternalApiCallLog.step,
        ExternalApiCallLog.analysis_request_id, ExternalApiCallLog.user_id, ExternalApiCallLog.is_stand_in,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = column_list
    column_searchable_list: ClassVar[list[Any]] = [
        ExternalApiCallLog.operation, ExternalApiCallLog.model, ExternalApiCallLog.analysis_request_id,
        ExternalApiCallLog.user_id,
    ]  # fmt: skip
    column_sortable_list: ClassVar[list[Any]] = [
        ExternalApiCallLog.created_at, ExternalApiCallLog.cost_usd, ExternalApiCallLog.duration_ms
    ]  # fmt: skip
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(ExternalApiCallLog.provider, _PROVIDERS),
        choice(ExternalApiCallLog.error_category, ErrorCategory),
        BooleanFilter(ExternalApiCallLog.is_stand_in),
    ]
