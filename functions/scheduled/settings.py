"""What scheduled jobs read from their environment."""

from typing import Annotated

from pydantic import Field

from whyviral.admin.retention import RetentionPeriods
from whyviral.core.settings import DeployableSettings

type Days = Annotated[int, Field(ge=7, le=3_650)]


class RetentionSettings(DeployableSettings):
    """Database, and how long what is kept."""

    access_log_days: Days = 90
    """Who called the API from where, and what webhooks said that were acted on."""
    event_log_days: Days = 365
    """Who signed in or tried to, and what happened."""
    call_log_days: Days = 400
    """What was asked of vendors and what it cost: a year can be compared with the one before."""

    @property
    def periods(self) -> RetentionPeriods:
        """Return how long each kind of record is kept."""
        return RetentionPeriods(
            access_log=self.access_log_days, event_log=self.event_log_days, call_log=self.call_log_days
        )


class SweeperSettings(DeployableSettings):
    """Database, state machine, and the queue of the inbox."""

    state_machine_arn: str
    webhook_queue_url: str
    owns_database: bool = True
    """Whether nobody else works on this database; else only what our own state machine began is looked after."""
