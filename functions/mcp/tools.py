"""The tools: each checks, counts and reads exactly as the API does, through the same services."""

import uuid

from sqlalchemy.orm import Session

from whyviral.accounts.api_keys import ApiScope
from whyviral.analysis import service as analysis_service
from whyviral.analysis.export.service import ExportFormat, export_report
from whyviral.analysis.schemas import AcceptedRequests, RequestSummary
from whyviral.analysis.user_requests import history, intake
from whyviral.analysis.user_requests.history import RequestFilter
from whyviral.chat import question_call
from whyviral.chat import service as chat_service
from whyviral.chat.admission import AdmittedQuestion
from whyviral.social.platforms import Platform
from whyviral.throttling.idempotent_call import IdempotentCall, Replayed
from whyviral.usage import service as usage_service
from whyviral.usage.schemas import UsageTodayOut

from .arguments import AnalysisArguments, AnalyzeArguments, ListArguments, NoArguments, QuestionArguments
from .caller import McpCaller
from .results import AnalysisList, AnalysisWithReport, AnswerOut, StartedAnalyses, UntrustedText, UsageOut
from .results import AnalysisOut as Analysis

_PLATFORMS = [platform.value for platform in Platform]


async def analyze_posts(caller: McpCaller, arguments: AnalyzeArguments) -> StartedAnalyses:
    """Start an analysis of why posts went viral, one for each platform.

    Uses the plan's units: one for each URL, or one handle. Returns at once with the ids to read later.
    """
    await caller.require(ApiScope.WRITE)
    services = caller.services

    def start(session: Session) -> StartedAnalyses:
        user = caller.user(session)
        call = _call(caller, session, user.id, "analyze_posts", arguments.idempotency_key)
        try:
            answer, is_repeated = intake.accept(call, user, arguments.body(), services), False
        except Replayed as replayed:
            answer, is_repeated = replayed.answer, True
        accepted = AcceptedRequests.model_validate_json(answer.body)
        return StartedAnalyses(
            analyses=[Analysis.of(request) for request in accepted.requests], is_repeated=is_repeated
        )

    return await services.transactions.run(start)


async def get_analysis(caller: McpCaller, arguments: AnalysisArguments) -> AnalysisWithReport:
    """Return the state of an analysis, its posts with their verdicts, and its report as Markdown.

    The facts and the verdict are readable before the explanation, and stay readable if that fails.
    """

    def read(session: Session) -> AnalysisWithReport:
        user = caller.user(session)
        request = analysis_service.get_request(session, user.id, arguments.analysis_id)
        report = None
        if any(post.measured for post in request.posts):
            exported = export_report(session, user.id, request.id, ExportFormat.MARKDOWN)
            report = exported.content.decode()
        return AnalysisWithReport.of(request, report)

    return await caller.services.transactions.run(read)


async def list_analyses(caller: McpCaller, arguments: ListArguments) -> AnalysisList:
    """List your analyses, newest first, or those that a search finds. Costs nothing."""
    only = RequestFilter(
        search=arguments.search,
        statuses=() if arguments.status is None else (arguments.status,),
        platform=arguments.platform,
    )

    def read(session: Session) -> AnalysisList:
        page = history.list_requests(session, caller.user(session).id, arguments.page, only)
        requests = [RequestSummary.model_validate(request) for request in page.rows]
        return AnalysisList.of(requests, count=page.count, next_page=page.number + 1 if page.has_next else None)

    return await caller.services.transactions.run(read)


async def ask_about_analysis(caller: McpCaller, arguments: QuestionArguments) -> AnswerOut:
    """Ask a question about an analysed post. The answer keeps to the evidence, and cites it.

    Uses one question of the plan. The answer is cut after 24 seconds. Questions about one post form a conversation.
    """
    await caller.require(ApiScope.WRITE)
    answers = caller.services.answers

    def admit(session: Session) -> tuple[uuid.UUID, AdmittedQuestion | uuid.UUID]:
        user = caller.user(session)
        chat, _is_new = chat_service.create_session(session, user.id, arguments.post_analysis_id)
        operation = f"ask_about_analysis {arguments.post_analysis_id}"
        call = _call(caller, session, user.id, operation, arguments.idempotency_key)
        return chat.id, question_call.admit_once(
            call, chat.id, arguments.body(), lease=answers.timings.lease, budgets=caller.services
        )

    chat_session_id, admitted = await caller.services.transactions.run(admit)
    if isinstance(admitted, AdmittedQuestion):
        answers.start(admitted, max_s=answers.timings.max_wait_s)
        answer_id = admitted.answer_id
    else:
        answer_id = admitted
    return await _finished(caller, chat_session_id, answer_id)


async def _finished(caller: McpCaller, chat_session_id: uuid.UUID, answer_id: uuid.UUID) -> AnswerOut:
    answer = await question_call.wait_for_answer(caller.services.answers, answer_id)
    return AnswerOut(
        chat_session_id=chat_session_id,
        message_id=answer.id,
        is_partial=answer.is_partial,
        is_stand_in=answer.is_stand_in,
        cost_usd=answer.cost_usd,
        untrusted=UntrustedText(text=answer.content),
    )


async def get_usage(caller: McpCaller, _arguments: NoArguments) -> UsageOut:
    """Return your plan's limits, what is left of them today, and what you have used since midnight UTC."""
    now = caller.services.clock()

    def read(session: Session) -> UsageOut:
        user = caller.user(session)
        limits = usage_service.get_limits(session, user.id, platforms=_PLATFORMS, now=now)
        today = usage_service.get_usage_today(session, user.id, platforms=_PLATFORMS, now=now)
        return UsageOut(limits=usage_service.limits_out(limits), today=UsageTodayOut.model_validate(today))

    return await caller.services.transactions.run(read)


def _call(caller: McpCaller, session: Session, user_id: uuid.UUID, operation: str, key: str | None) -> IdempotentCall:
    # MCP has no header for the state of a rate limit; a refusal says when to try again.
    return IdempotentCall(
        session, user_id, f"MCP {operation}", key, caller.services.clock, lambda _policy, _state: None
    )
