"""Environment settings of the functions that end requests."""

from whyviral.core.settings import DeployableSettings


class EndingSettings(DeployableSettings):
    """Database access, and the queue of outgoing webhooks."""

    delivery_queue_url: str


class FailureEventsSettings(DeployableSettings):
    """Database access, and the state machine and cluster whose failures this stack handles."""

    state_machine_arn: str
    cluster_arn: str
