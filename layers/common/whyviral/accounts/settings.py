"""Settings of deployables that users call: who may call them, and from where."""

from typing import Annotated

from pydantic import SecretStr, field_validator
from pydantic_settings import NoDecode

from whyviral.core.settings import DeployableSettings

type CommaList = Annotated[tuple[str, ...], NoDecode]


class CallerSettings(DeployableSettings):
    """Base class for deployables that verify bearer tokens: Clerk, allowed hosts and allowed origins."""

    clerk_publishable_key: str
    clerk_secret_key: SecretStr
    clerk_authorized_parties: CommaList = ()
    clerk_require_authorized_party: bool = False
    """Whether to refuse tokens that name no origin. Tokens of mobile and command-line clients name none."""
    allowed_hosts: CommaList
    cors_allowed_origins: CommaList = ()

    @field_validator("clerk_authorized_parties", "allowed_hosts", "cors_allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
