"""Settings of the admin panel, read from environment variables."""

from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import NoDecode

from whyviral.integrations.dodo.mode import DodoMode
from whyviral.vendor_calls.settings import DayBudgetSettings

type CommaList = Annotated[tuple[str, ...], NoDecode]

MIN_COOKIE_SECRET_CHARS = 32
_MAX_COOKIE_SECRETS = 2


class AdminSettings(DayBudgetSettings):
    """Database, identity provider, cookie secret, and what the actions use: state machine, queue, Dodo and budget."""

    clerk_publishable_key: str
    clerk_authorized_parties: CommaList = ()
    clerk_require_authorized_party: bool = False
    admin_cookie_secret: SecretStr
    """One secret, or two with a comma between: the first signs, and both are accepted."""
    state_machine_arn: str
    webhook_queue_url: str
    dodo_api_key: SecretStr
    dodo_mode: DodoMode
    free_share_of_day: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.2")
    public_base_url: HttpUrl
    allowed_hosts: CommaList

    @field_validator("clerk_authorized_parties", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("admin_cookie_secret")
    @classmethod
    def _check_secrets(cls, secret: SecretStr) -> SecretStr:
        secrets = _split_secrets(secret)
        if not 1 <= len(secrets) <= _MAX_COOKIE_SECRETS or any(len(each) < MIN_COOKIE_SECRET_CHARS for each in secrets):
            raise ValueError(
                f"give one secret, or two with a comma between, of at least {MIN_COOKIE_SECRET_CHARS} characters"
            )
        return secret

    @property
    def cookie_secrets(self) -> tuple[str, ...]:
        """The secrets of cookies, the one that signs first."""
        return _split_secrets(self.admin_cookie_secret)

    @property
    def prefix(self) -> str:
        """The public prefix of our paths, such as the stage of API Gateway; empty at the root of a host."""
        return (urlsplit(str(self.public_base_url)).path or "").rstrip("/")

    @property
    def scheme(self) -> str:
        """`https`, or `http` on one machine."""
        return urlsplit(str(self.public_base_url)).scheme


def _split_secrets(secret: SecretStr) -> tuple[str, ...]:
    return tuple(part.strip() for part in secret.get_secret_value().split(",") if part.strip())
