"""Saves and deletes feedback of users."""

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.throttling.rate_limits import RatePolicy

from .models import Feedback, FeedbackCategory

FEEDBACK_RATE = RatePolicy("feedback", limit=10, window=timedelta(hours=1))
"""The limit per user."""


def give_feedback(session: Session, user_id: uuid.UUID, *, category: FeedbackCategory, text: str) -> Feedback:
    """Save a user's feedback and record an event."""
    feedback = Feedback(user_id=user_id, category=category, text=text)
    session.add(feedback)
    session.flush()
    session.refresh(feedback)
    details = {"category": category, "characters": len(text)}
    record_events(session, Event(EventCategory.API, "feedback_given", user_id, details=details))
    return feedback
