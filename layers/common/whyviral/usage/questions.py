"""Questions in chats: counted against the daily limit of a plan, and returned where there was no answer."""

import uuid
from datetime import date, datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan
from whyviral.accounts.service import get_user_plan
from whyviral.core.clock import day_of, end_of_day
from whyviral.core.errors import AppError

from . import repository


class QuestionLimitReached(AppError):
    """The plan's daily limit on a platform does not allow this many; `details` contains the numbers."""

    status_code = 403
    code = "usage_limit_reached"

    def __init__(self, platform: str, *, plan: Plan, resets_at: datetime) -> None:
        limit = plan.max_questions_per_day
        super().__init__(
            f"The {plan.name} plan allows {limit} questions a day about posts on {platform}, and you have asked all of "
            "them. Upgrade, or try again after midnight UTC.",
            details={
                "platform": platform,
                "limit": limit,
                "used": limit,
                "requested": 1,
                "resets_at": resets_at.isoformat().replace("+00:00", "Z"),
            },
        )


def count_question(session: Session, user_id: uuid.UUID, platform: str, *, now: datetime) -> date:
    """Count one question today and return its day; one statement decides and counts.

    Raises:
        QuestionLimitReached: the plan does not allow another question on the platform today.
        NoCurrentPlan: the user has no plan.
    """
    day = day_of(now)
    if not repository.count_question(session, user_id, platform, day=day):
        plan = get_user_plan(session, user_id)
        raise QuestionLimitReached(platform, plan=plan, resets_at=end_of_day(now))
    return day
