"""The passage of time: everything that falls due happens at its own moment, in order."""

from datetime import datetime, timedelta

from local.stand_ins.dodo.business import renewals
from local.stand_ins.dodo.business.books import Books


def advance(books: Books, duration: timedelta) -> None:
    """Move the clock forwards, doing everything that falls due."""
    advance_to(books, books.now() + duration)


def advance_to(books: Books, moment: datetime) -> None:
    """Move the clock to a time, doing everything that falls due until then."""
    while True:
        due = min(
            (
                (due_at, subscription.subscription_id)
                for subscription in books.subscriptions.values()
                if (due_at := renewals.next_due(subscription)) is not None
            ),
            default=None,
        )
        if due is None or due[0] > moment:
            break
        books.clock.move_to(due[0])
        renewals.pass_due(books, books.subscriptions[due[1]])
    books.clock.move_to(moment)


def catch_up(books: Books) -> None:
    """Do everything that has fallen due by now, for a clock that runs by itself."""
    advance_to(books, books.now())
