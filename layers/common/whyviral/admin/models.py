"""The table of what administrators do."""

import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.accounts.models import User
from whyviral.core.database import Base, Identified, one_of


class ActionName(StrEnum):
    """An action of the admin panel."""

    REQUEUE_EVENT = "requeue_event"
    RETRY_REQUEST = "retry_request"
    SWITCH_PLATFORM = "switch_platform"
    REFUND_PAYMENT = "refund_payment"
    CHANGE_PLAN = "change_plan"


class TargetType(StrEnum):
    """The kind of row that an action concerns."""

    WEBHOOK_EVENT = "webhook_event"
    REQUEST = "request"
    PLATFORM = "platform"
    PAYMENT = "payment"
    USER = "user"


class ActionOutcome(StrEnum):
    """The outcome of an action: `REFUSED` by a rule, `FAILED` at a vendor, `STARTED` while it is not known."""

    STARTED = "STARTED"
    SUCCEEDED = "SUCCEEDED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"


class AdminAction(Identified, Base):
    """One action of an administrator, with the reason that they gave."""

    __tablename__ = "admin_actions"
    __table_args__ = (
        one_of("action", ActionName),
        one_of("target_type", TargetType),
        one_of("outcome", ActionOutcome),
        CheckConstraint("char_length(reason) between 3 and 500", name="reason_is_bounded"),
        Index(None, "admin_id", "created_at"),
        Index(None, "target_id"),
        Index(None, "created_at"),
        Index(
            "uq_admin_actions_refund",
            "target_id",
            unique=True,
            postgresql_where=text("action = 'refund_payment' and outcome in ('STARTED', 'SUCCEEDED')"),
        ),
    )

    admin_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    action: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    outcome: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    """What was changed, as ids, names and counts, or the code of the refusal."""
