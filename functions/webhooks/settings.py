"""What the webhooks' function reads from its environment."""

from pydantic import SecretStr, field_validator

from whyviral.core.settings import DeployableSettings
from whyviral.integrations.signed_webhooks import signing_key


class WebhooksSettings(DeployableSettings):
    """Database, queue, and the secrets with which webhooks are signed."""

    clerk_webhook_secret: SecretStr
    webhook_queue_url: str

    @field_validator("clerk_webhook_secret", mode="before")
    @classmethod
    def _strip(cls, secret: object) -> object:
        return secret.strip() if isinstance(secret, str) else secret

    @field_validator("clerk_webhook_secret")
    @classmethod
    def _is_signing_secret(cls, secret: SecretStr) -> SecretStr:
        # With a broken secret every webhook would be refused, and no log would say why.
        signing_key(secret.get_secret_value())
        return secret
