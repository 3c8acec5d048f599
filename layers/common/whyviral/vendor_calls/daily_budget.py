"""What calls to vendors cost on each day (UTC), and what those under way may yet cost: one row a day."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.core.clock import day_of

from .models import DailySpend


def reserve_on(session: Session, day: date, usd: Decimal, *, most_usd: Decimal) -> bool:
    """Reserve money of a day, unless all that is spent and reserved would then exceed `most_usd`."""
    if usd > most_usd:
        return False
    reserved = (
        upsert(DailySpend)
        .values(day=day, reserved_usd=usd)
        .on_conflict_do_update(
            index_elements=[DailySpend.day],
            set_={"reserved_usd": DailySpend.reserved_usd + usd, "updated_at": func.now()},
            where=DailySpend.spent_usd + DailySpend.reserved_usd + usd <= most_usd,
        )
        .returning(DailySpend.day)
    )
    return session.scalar(reserved) is not None


def settle_on(session: Session, day: date, *, spent_usd: Decimal, released_usd: Decimal) -> None:
    """Note what was spent on a day, and give back what was reserved for it."""
    statement = upsert(DailySpend).values(day=day, spent_usd=spent_usd, reserved_usd=-released_usd)
    booked = {
        "spent_usd": DailySpend.spent_usd + spent_usd,
        "reserved_usd": DailySpend.reserved_usd - released_usd,
        "updated_at": func.now(),
    }
    session.execute(statement.on_conflict_do_update(index_elements=[DailySpend.day], set_=booked))


def is_room_left(session: Session, *, now: datetime, most_usd: Decimal) -> bool:
    """Whether today may cost anything more."""
    taken = session.scalar(select(DailySpend.spent_usd + DailySpend.reserved_usd).where(DailySpend.day == day_of(now)))
    return (taken or Decimal(0)) < most_usd
