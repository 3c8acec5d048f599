"""Environment settings of the deliveries function."""

from pydantic import HttpUrl

from whyviral.core.settings import DeployableSettings


class DeliveriesSettings(DeployableSettings):
    """Database access, the queue of outgoing webhooks, and the address with which links in events start."""

    delivery_queue_url: str
    public_base_url: HttpUrl
