"""Environment settings of the functions that end requests."""

from whyviral.core.settings import DeployableSettings


class FailureEventsSettings(DeployableSettings):
    """Database access, and the state machine and cluster whose failures this stack handles."""

    state_machine_arn: str
    cluster_arn: str
