"""What the webhooks' function reads from its environment."""

import base64
import binascii

from pydantic import SecretStr, field_validator

from whyviral.core.settings import DeployableSettings

_PREFIX = "whsec_"


class WebhooksSettings(DeployableSettings):
    """Database, queue, and the secrets with which webhooks are signed."""

    clerk_webhook_secret: SecretStr
    webhook_queue_url: str

    @field_validator("clerk_webhook_secret")
    @classmethod
    def _is_signing_secret(cls, secret: SecretStr) -> SecretStr:
        # With a broken one every webhook would be refused, and nobody would know why.
        text = secret.get_secret_value()
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not text.startswith(_PREFIX) or not key:
            raise ValueError("not a signing secret: whsec_ and base64, as Clerk's dashboard shows it")
        return secret
