"""Environment settings of the webhooks function."""

from pydantic import SecretStr, field_validator

from whyviral.core.settings import DeployableSettings
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.signed_webhooks import signing_key


class WebhooksSettings(DeployableSettings):
    """Database access, the queue, the signing secrets of webhooks, and access to Dodo for events that need a fetch."""

    clerk_webhook_secret: SecretStr
    dodo_webhook_secret: SecretStr
    dodo_api_key: SecretStr
    dodo_mode: DodoMode
    webhook_queue_url: str

    @field_validator("clerk_webhook_secret", "dodo_webhook_secret", mode="before")
    @classmethod
    def _strip(cls, secret: object) -> object:
        return secret.strip() if isinstance(secret, str) else secret

    @field_validator("clerk_webhook_secret", "dodo_webhook_secret")
    @classmethod
    def _is_signing_secret(cls, secret: SecretStr) -> SecretStr:
        # With a malformed secret every webhook would be rejected, and no log would name the cause.
        signing_key(secret.get_secret_value())
        return secret
