"""The budget of each UTC day: the cost of finished vendor calls, and the reservations for calls in flight."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.core.clock import day_of

from .models import DailySpend


def reserve(session: Session, day: date, usd: Decimal, *, max_usd: Decimal) -> bool:
    """Reserve money of a day; False where spent plus reserved would exceed `max_usd`."""
    if usd > max_usd:
        return False
    reserved = (
        upsert(DailySpend)
        .values(day=day, reserved_usd=usd)
        .on_conflict_do_update(
            index_elements=[DailySpend.day],
            set_={"reserved_usd": DailySpend.reserved_usd + usd, "updated_at": func.now()},
            where=DailySpend.spent_usd + DailySpend.reserved_usd + usd <= max_usd,
        )
        .returning(DailySpend.day)
    )
    return session.scalar(reserved) is not None


def settle(session: Session, day: date, *, spent_usd: Decimal, released_usd: Decimal) -> None:
    """Book spent money to a day and release its reservation."""
    statement = upsert(DailySpend).values(day=day, spent_usd=spent_usd, reserved_usd=-released_usd)
    booked = {
        "spent_usd": DailySpend.spent_usd + spent_usd,
        "reserved_usd": DailySpend.reserved_usd - released_usd,
        "updated_at": func.now(),
    }
    session.execute(statement.on_conflict_do_update(index_elements=[DailySpend.day], set_=booked))


def taken_usd(now: datetime) -> ScalarSelect[Any]:
    """Return a subquery for today's spent and reserved amount; null if there was no paid call today."""
    taken = select(DailySpend.spent_usd + DailySpend.reserved_usd).where(DailySpend.day == day_of(now))
    return taken.scalar_subquery()
