"""What the functions that end requests read from their environment."""

from whyviral.core.settings import DeployableSettings


class FailureEventsSettings(DeployableSettings):
    """Database, and whose deaths are ours to act on."""

    state_machine_arn: str
    cluster_arn: str
