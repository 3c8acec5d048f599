"""Environment settings of the scheduled functions."""

from typing import Annotated

from pydantic import Field, SecretStr

from whyviral.admin.retention import RetentionPeriods
from whyviral.core.settings import DeployableSettings
from whyviral.integrations.dodo.mode import DodoMode

type Days = Annotated[int, Field(ge=7, le=3_650)]


class RetentionSettings(DeployableSettings):
    """Database access and how many days each kind of record is kept."""

    access_log_days: Days = 90
    """For the API's access log, the payloads of processed webhooks, webhooks out and the runs of scheduled jobs."""
    event_log_days: Days = 365
    """For sign-ins and business events."""
    call_log_days: Days = 400
    """For vendor calls and their costs; more than a year, so that a year can be compared with the one before."""

    @property
    def periods(self) -> RetentionPeriods:
        """Return how long each kind of record is kept."""
        return RetentionPeriods(
            access_log=self.access_log_days, event_log=self.event_log_days, call_log=self.call_log_days
        )


class BillingSettings(DeployableSettings):
    """Database access and access to Dodo."""

    dodo_api_key: SecretStr
    dodo_mode: DodoMode


class ReconciliationSettings(BillingSettings):
    """The account and the database that are compared, and how far back."""

    reconciled_days: Days = 35
    """For payments, refunds and disputes: a month and some days. Subscriptions are always compared."""


class SweeperSettings(DeployableSettings):
    """Database access, the state machine, and the queues of webhooks in and out."""

    state_machine_arn: str
    webhook_queue_url: str
    delivery_queue_url: str
    owns_database: bool = True
    """No other stack uses this database. If false, the sweeper handles only requests of its own state machine."""
