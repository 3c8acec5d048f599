"""The route that says what an analysis would need before it is started."""

from typing import Any

from fastapi import APIRouter

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from whyviral.accounts.service import NoCurrentPlan
from whyviral.analysis.admission import TooManyUrls
from whyviral.analysis.creators.handle_admission import InvalidCreatorHandle
from whyviral.analysis.estimate.schemas import EstimateOut
from whyviral.analysis.estimate.service import estimate, read_wanted
from whyviral.analysis.schemas import AnalyzeBody

router = APIRouter(
    prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)


@router.post(
    "/estimate/",
    response_model=EstimateOut,
    responses=error_responses(*SIGNED_IN, TooManyUrls, InvalidCreatorHandle, NoCurrentPlan),
)
def estimate_analysis(body: AnalyzeBody, user: CurrentUser, session: SessionDep, services: ServicesDep) -> Any:
    """Return what `analyze/` with this body would use of the plan and may cost, and which URLs are not posts.

    Nothing is started, counted, fetched or paid. Rate limits and the daily budget are not part of the estimate.
    """
    return estimate(session, user.id, read_wanted(body), costs=services.costs, now=services.clock())
