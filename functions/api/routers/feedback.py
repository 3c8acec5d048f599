"""Feedback: what users want us to know."""

from typing import Any

from fastapi import APIRouter

from functions.api.authentication import UNAUTHENTICATED, AuthenticatedRoute
from functions.api.idempotent_call import IdempotentCallDep, call_responses
from whyviral.feedback import service as feedback_service
from whyviral.feedback.schemas import FeedbackBody, FeedbackOut

router = APIRouter(prefix="/api/feedback", tags=["feedback"], route_class=AuthenticatedRoute, responses=UNAUTHENTICATED)


@router.post("/", status_code=201, response_model=FeedbackOut, responses=call_responses(success=201))
def give_feedback(body: FeedbackBody, call: IdempotentCallDep) -> Any:
    """Keep what the caller wants us to know; at most 10 times in any hour."""
    with call.run_once(body, rate=feedback_service.FEEDBACK_RATE) as once:
        kept = feedback_service.give_feedback(once.session, call.user.id, category=body.category, text=body.text)
        return once.answer(FeedbackOut.model_validate(kept), status_code=201)
