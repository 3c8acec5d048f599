"""The route that saves users' feedback."""

from typing import Any

from fastapi import APIRouter

from functions.api.authentication import AuthenticatedRoute
from functions.api.idempotent_call import IdempotentCallDep, call_responses, response_of
from whyviral.feedback import service as feedback_service
from whyviral.feedback.schemas import FeedbackBody, FeedbackOut

router = APIRouter(prefix="/api/feedback", tags=["feedback"], route_class=AuthenticatedRoute)


@router.post("/", status_code=201, response_model=FeedbackOut, responses=call_responses(201))
def create_feedback(body: FeedbackBody, call: IdempotentCallDep) -> Any:
    """Save a message from the caller to us, at most 10 in any hour."""
    with call.run_once(body, rate=feedback_service.FEEDBACK_RATE) as once:
        feedback = feedback_service.give_feedback(once.session, call.user.id, category=body.category, text=body.text)
        return response_of(once.answer(FeedbackOut.model_validate(feedback), status_code=201))
